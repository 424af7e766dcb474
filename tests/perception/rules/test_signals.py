"""P2: the registry of signals."""

from uuid import UUID, uuid4

import pytest
from jsonschema import Draft202012Validator

from perception.rules.signals import (
    REGISTRY,
    TYPES,
    echo_of,
    is_external,
    lives,
    normalised,
    starts_run,
)

NAMED = {
    "crm_update", "meeting_created", "ticket_escalated", "news", "hiring",
    "product_usage_anomaly", "lifecycle_change", "posture_change", "reply_received",
    "execution_outcome", "pattern_detected", "renewal_window_entered", "no_engagement",
}  # fmt: skip


def test_every_named_type_is_there_once() -> None:
    """P2."""
    assert set(REGISTRY) == NAMED
    assert len(TYPES) == len(NAMED)


@pytest.mark.parametrize("key", sorted(NAMED))
def test_each_type_is_complete(key: str) -> None:
    """P2: a sound schema, an example that fits it, and more fields are let in."""
    type_ = REGISTRY[key]
    schema = dict(type_.schema)
    Draft202012Validator.check_schema(schema)
    check = Draft202012Validator(schema)
    assert check.is_valid(dict(type_.example))
    assert check.is_valid({**type_.example, "something_else": [1, None]})
    assert normalised(key) == key
    assert type_.means.endswith(".")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" CRM Update ", "crm_update"),
        ("crm-update", "crm_update"),
        ("Ticket - Escalated", "ticket_escalated"),
        ("NEWS", "news"),
        ("=cmd()", "=cmd()"),
        ("  ", ""),
    ],
)
def test_ids_are_normalised(written: str, kept: str) -> None:
    """P2: lower_snake."""
    assert normalised(written) == kept


def test_what_nobody_knows_is_a_strangers_word() -> None:
    """D3: unknown is tainted."""
    assert is_external("never_heard_of")
    assert is_external("reply_received")
    assert not is_external("execution_outcome")
    assert lives("never_heard_of").days == 30


@pytest.mark.parametrize(
    ("key", "caused", "depth", "starts"),
    [
        ("news", False, 0, True),
        ("never_heard_of", False, 3, True),
        ("news", False, 4, False),
        ("news", True, 0, False),
        ("execution_outcome", False, 0, False),
    ],
)
def test_echoes_and_long_chains_start_nothing(
    key: str, caused: bool, depth: int, starts: bool
) -> None:
    """D0."""
    cause = uuid4() if caused else None
    assert starts_run(key, caused_by=cause, depth=depth) is starts


def test_an_outcome_names_its_act() -> None:
    """D0: the causal chain is kept, also when an outcome is reported from outside."""
    act = UUID("0198aaaa-0000-7000-8000-000000000001")
    assert echo_of("execution_outcome", {"execution_id": str(act)}) == act
    assert echo_of("execution_outcome", {"execution_id": "none of ours"}) is None
    assert echo_of("reply_received", {"execution_id": str(act)}) is None
