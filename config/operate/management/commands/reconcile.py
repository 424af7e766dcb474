"""`reconcile`: send everything that is due, once more."""

from typing import Any

from django.core.management.base import CommandError
from kombu.exceptions import OperationalError

from autonomy.relay import Relay
from autonomy.tasks import publish
from config.celery import app
from ledger.commands import HouseCommand


class Command(HouseCommand):
    help = "Send what is due and not under way; the relay does this all the time."

    def handle(self, *args: Any, **options: Any) -> None:
        # Nobody else in this process says which broker the house's messages go by.
        app.set_default()
        try:
            self.stdout.write(f"{_sent()} sent")
        except OperationalError as away:
            raise CommandError(
                "The broker is away. What is due stays due, and is sent again later."
            ) from away


def _sent() -> int:
    relay, total = Relay(publish), 0
    while sent := relay.round():
        total += sent
    return total
