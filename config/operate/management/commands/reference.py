"""`reference`: write the reference pages of docs/."""

from typing import Any

from django.core.management.base import BaseCommand

from config.reference import write


class Command(BaseCommand):
    help = "Write the reference pages of docs/ from the code."

    def handle(self, *args: Any, **options: Any) -> None:
        for path in write():
            self.stdout.write(f"wrote {path.name}")
