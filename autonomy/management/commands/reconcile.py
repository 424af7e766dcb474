"""`reconcile`: send everything that is due, once more."""

from typing import Any

from autonomy.relay import Relay
from autonomy.tasks import publish
from ledger.commands import HouseCommand


class Command(HouseCommand):
    help = "Send what is due and not under way; the relay does this all the time."

    def handle(self, *args: Any, **options: Any) -> None:
        relay, total = Relay(publish), 0
        while sent := relay.round():
            total += sent
        self.stdout.write(f"{total} sent")
