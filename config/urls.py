"""Every route of the house."""

from allauth.account.views import LoginView, LogoutView
from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from config import health, pages
from config.as_code import door as as_code
from plans import views as plan_pages

CLOSED = ("signup", "email", "confirm-email", "3rdparty/signup", "3rdparty")

admin.autodiscover()

urlpatterns = [
    path("", include("autonomy.page_urls")),
    path("tenants/", pages.tenants, name="tenants"),
    path("login/", LoginView.as_view(), name="account_login"),
    path("logout/", LogoutView.as_view(), name="account_logout"),
    # An admin says who people are; nobody signs up or changes an address alone.
    *(path(f"auth/{closed}/", pages.closed) for closed in CLOSED),
    path("auth/", include("allauth.urls")),
    path("plans/", plan_pages.plans, name="plans-page"),
    path("plans/propose/", plan_pages.propose, name="plans-page-propose"),
    path("plans/<uuid:pk>/", plan_pages.plan, name="plan-page"),
    path("plans/<uuid:pk>/<slug:verb>/", plan_pages.move, name="plan-page-move"),
    path(
        "plans/<uuid:pk>/steps/<uuid:step_id>/<slug:verb>/",
        plan_pages.step,
        name="plan-page-step",
    ),
    path("admin/as-code.yaml", as_code.export, name="as-code"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("ledger.urls")),
    path("api/v1/", include("perception.urls")),
    path("api/v1/", include("autonomy.urls")),
    path("api/v1/", include("plans.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(), name="docs"),
    path("livez", health.livez, name="livez"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]

handler400 = "config.problems.bad_request"
handler403 = "config.problems.forbidden"
handler404 = "config.problems.not_found"
handler500 = "config.problems.broken"
