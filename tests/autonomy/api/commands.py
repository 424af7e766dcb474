"""What tests of commands share: running one, and reading a refusal."""

from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

Run = Callable[..., str]


def runner(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command; what it said."""

    def called(*words: str) -> str:
        capsys.readouterr()
        call_command(*words)
        return capsys.readouterr().out.strip()

    return called


def refused(*words: str) -> str:
    """What a command that refuses says: one line that a person can read."""
    with pytest.raises(CommandError) as said:
        call_command(*words)
    text = str(said.value)
    assert text
    assert "Traceback" not in text
    assert "\n" not in text
    return text
