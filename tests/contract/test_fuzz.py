"""U3: the document is true: schemathesis sends what it allows, and what it does not."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework.response import Response

from autonomy.api.rituals import Rituals
from config import rates
from perception.api.settings import Me
from perception.rules.roles import Role
from tests import trials
from tests.contract.fuzzing import EVERYBODY, Way, fuzz, serving

# All of it as the admin; the rest of the roles share it between them.
SHORT, PART = Way(), Way(part=3)
LONG = Way(phases=("examples", "coverage", "fuzzing", "stateful"), examples=20)


@pytest.fixture
def base(db: None, settings: Any) -> Iterator[str]:
    """Where a server listens that slows nobody down."""
    settings.RATES = {"": (1_000_000, 1_000_000)}
    rates._limiter.cache_clear()
    with serving() as found:
        yield found
    rates._limiter.cache_clear()


@pytest.mark.parametrize("role", EVERYBODY)
def test_the_document_is_true_for_everybody(base: str, role: Role | None) -> None:
    """U3: for each role, and for nobody: no 5xx, no answer that is not documented, no
    credential ignored, nothing accepted that the document refuses.
    """
    _look(base, role, SHORT if role == Role.ADMIN else PART)


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("role", EVERYBODY)
def test_the_document_is_true_at_length(base: str, role: Role | None) -> None:
    """U3: the same with many examples, every edge of every schema, and calls that
    follow from each other. FUZZ_PATHS names the paths, FUZZ_EXAMPLES how many.
    """
    examples = int(os.environ.get("FUZZ_EXAMPLES", LONG.examples))
    phases = tuple(os.environ.get("FUZZ_PHASES", ",".join(LONG.phases)).split(","))
    paths = os.environ.get("FUZZ_PATHS", "")
    _look(base, role, Way(phases=phases, examples=examples, paths=paths))


def _look(base: str, role: Role | None, way: Way) -> None:
    found = fuzz(role, base, way)
    assert found.sent >= len(found.routes) > 0
    faults = [f"## {name}\n{fault}\n" for name, fault in sorted(found.faults.items())]
    trials.record("fuzz", trials=found.sent, violations=len(faults), seed=None)
    assert not faults, "\n".join([f"{len(faults)} faults", *faults])


def test_a_document_that_lies_is_found_out(base: str, monkeypatch: Any) -> None:
    """U3: a status that nobody documented, a body of another shape, a fault of ours."""
    paths = "^/api/v1/(me|rituals)/$"
    assert fuzz(Role.SELLER, base, Way(paths=paths)).faults == {}
    monkeypatch.setattr(
        Me, "get", lambda view, request: Response({"id": 5}, status=203)
    )
    monkeypatch.setattr(Rituals, "get", lambda view, request: 1 // 0)
    found = fuzz(Role.SELLER, base, Way(paths=paths)).faults
    assert "status_code_conformance: GET /api/v1/me/" in found
    assert "not_a_server_error: GET /api/v1/rituals/" in found
