"""What the house looks through: connectors to outside systems."""

from django.db import models
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from perception.models.world import Tenant, of_tenant


class Connector(models.Model):
    """One outside system of one tenant. Its secrets are encrypted at rest."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, db_index=False)
    kind = models.CharField(max_length=32, choices=Kind)
    name = models.CharField(max_length=200)
    config = models.JSONField(default=dict, blank=True)
    sealed_secrets = models.TextField(editable=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            of_tenant("id", name="connector_id"),
            of_tenant("name", name="connector_name"),
        ]

    def __str__(self) -> str:
        return self.name
