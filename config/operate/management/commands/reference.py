"""`reference`: write the reference pages of docs/."""

from typing import Any

from config.reference import write
from ledger.commands import HouseCommand


class Command(HouseCommand):
    help = "Write the reference pages of docs/ from the code."

    def handle(self, *args: Any, **options: Any) -> None:
        for path in write():
            self.stdout.write(f"wrote {path.name}")
