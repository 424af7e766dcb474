"""`reconcile`: send everything that is due, once more."""

from typing import Any

from django.core.management.base import BaseCommand

from autonomy.relay import Relay
from autonomy.tasks import publish


class Command(BaseCommand):
    help = "Send what is due and not under way; the relay does this all the time."

    def handle(self, *args: Any, **options: Any) -> None:
        relay, total = Relay(publish), 0
        while sent := relay.round():
            total += sent
        self.stdout.write(f"{total} sent")
