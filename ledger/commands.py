"""What every command of the house has in common: what it cannot do, it says in one line."""

import sys
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    SystemCheckError,
)

from ledger.errors import HouseError

WRONG_OPTIONS = 2


class HouseCommand(BaseCommand):
    """What is refused, and options that are wrong, are told in a sentence, and nothing but
    it goes to stderr; `--traceback` shows where a refusal comes from.
    """

    is_typed = False
    has_begun = False

    def run_from_argv(self, argv: list[str]) -> None:
        self.is_typed = True
        try:
            super().run_from_argv(argv)
        except CommandError as error:
            if self.has_begun:
                raise
            said = str(error).removeprefix("Error: ")
            self.stderr.write(
                f"{said[:1].upper()}{said[1:]}. `{argv[1]} --help` shows what there is."
            )
            sys.exit(WRONG_OPTIONS)

    def create_parser(
        self, prog_name: str, subcommand: str, **kwargs: Any
    ) -> CommandParser:
        # Options that are wrong are an error of ours, instead of a page about usage.
        self._called_from_command_line = False
        return super().create_parser(prog_name, subcommand, **kwargs)

    def execute(self, *args: Any, **options: Any) -> str | None:
        self.has_begun = True
        try:
            return self._executed(*args, **options)
        except SystemCheckError:
            raise
        except CommandError as error:
            if not self.is_typed or options["traceback"]:
                raise
            self.stderr.write(str(error))
            sys.exit(error.returncode)

    def _executed(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except HouseError as refusal:
            raise CommandError(str(refusal)) from refusal
        except OSError as error:
            if error.filename is None:
                raise
            raise CommandError(f"{error.filename}: {error.strerror}.") from error


def an_id(text: str) -> UUID:
    """An id, as an argument of a command."""
    try:
        return UUID(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not an id") from error


def count_up_to(most: int, *, least: int = 1) -> Callable[[str], int]:
    """A whole number, as an argument of a command."""

    def count(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ArgumentTypeError(f"write a whole number from {least} to {most}")
        return int(text)

    return count
