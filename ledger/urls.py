"""Routes of the ledger, below /api/v1/."""

from django.urls import path

from ledger import api

urlpatterns = [
    path("ledger/", api.Entries.as_view(), name="ledger"),
    path(
        "ledger/checkpoint/", api.NewestCheckpoint.as_view(), name="ledger-checkpoint"
    ),
    path("ledger/consistency/", api.Consistency.as_view(), name="ledger-consistency"),
    path("ledger/<uuid:id>/", api.OneEntry.as_view(), name="ledger-entry"),
    path("ledger/<uuid:id>/proof/", api.EntryProof.as_view(), name="ledger-proof"),
    path("exports/", api.Exports.as_view(), name="exports"),
    path("exports/<uuid:pk>/", api.OneExport.as_view(), name="export"),
    path(
        "exports/<uuid:pk>/download/",
        api.ExportDownload.as_view(),
        name="export-download",
    ),
]
