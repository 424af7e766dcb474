"""No secret leaves its place, nobody's words leave theirs: planted, lived with, hunted."""

from collections.abc import Iterator, Mapping

import pytest

from tests.walks import hunting
from tests.walks.canaries import DEPLOYED, KEPT, PERSONAL, Canary, hunted, report
from tests.walks.hunted import Day, day, erase

NEVER: frozenset[str] = frozenset()
PEOPLE = frozenset({PERSONAL})
# Place -> the kinds that may stand there. Kinds: what the deployer gives by the
# environment; secrets of tenants and people, kept sealed or hashed; what names people.
MAY: Mapping[str, frozenset[str]] = {
    "logs": NEVER,
    "files": NEVER,
    "broker": NEVER,
    "command lines": NEVER,
    # They are how a deployer gives keys; only the same user can read them.
    "environments": frozenset({DEPLOYED}),
    # The superuser sees the last statement of each connection, with what it carries.
    "statements": PEOPLE,
    "ledger": NEVER,
    "audit": NEVER,
    "exports": NEVER,
    "heads of answers": NEVER,
    # Whoever sent something hears what was wrong with it, in their own words.
    "refusals": PEOPLE,
    "mistakes": NEVER,
    "settings read again": NEVER,
    "figures": NEVER,
    "health": NEVER,
    "the OpenAPI document": NEVER,
    # Pages are made to show people to those who may see them.
    "pages": PEOPLE,
    "pages that broke": NEVER,
    "commands": NEVER,
    "doctor": NEVER,
    "status": NEVER,
    "configuration as a file": NEVER,
    # A backup brings everything back, and opens nothing without the keys.
    "backup": PEOPLE,
}
# Who is erased goes out of the backup of tomorrow, too.
ERASED = (
    "the name of a contact", "the address of a contact", "the phone of a contact",
    "the text of a mail", "the text of a meeting",
)  # fmt: skip


@pytest.fixture(scope="module")
def lived() -> Iterator[Day]:
    with day() as one:
        yield one


def found_in(texts: Mapping[str, bytes], day: Day) -> dict[str, list[Canary]]:
    """What stands where the table does not let it."""
    found = {
        place: [
            each
            for each in hunted(day.cage.canaries.values(), text)
            if each.kind not in MAY[place]
        ]
        for place, text in texts.items()
    }
    return {place: canaries for place, canaries in found.items() if canaries}


@pytest.mark.timeout(400)
def test_no_canary_is_found_where_it_may_not_be(lived: Day) -> None:
    """T5, T6, L9: a day with faults of every kind, then every place, held to the table."""
    texts = hunting.places(lived)
    assert set(texts) == set(MAY)
    _the_hunt_itself_works(texts, lived)
    found = found_in(texts, lived)
    assert not found, report(found, texts)


def _the_hunt_itself_works(texts: Mapping[str, bytes], day: Day) -> None:
    """Everything was planted, and is found where it may stand."""
    cage = day.cage.canaries.values()
    assert {each.kind for each in cage} == {DEPLOYED, KEPT, PERSONAL}
    given = {each.what for each in hunted(cage, texts["environments"])}
    assert given == {each.what for each in cage if each.kind == DEPLOYED}
    held = {each.what for each in hunted(cage, texts["backup"])}
    unsaid = {"the words of a task"}
    assert {each.what for each in cage if each.kind == PERSONAL} - held <= unsaid
    assert day.gossip.asked >= 3


@pytest.mark.timeout(400)
def test_who_is_erased_is_in_no_backup_any_more(lived: Day) -> None:
    """L9: their name, address and words, wherever they were told; proofs stay whole."""
    erase(lived)
    text = hunting.backup(lived)
    gone = [lived.cage.canaries[what] for what in ERASED]
    found = {"backup": hunted(gone, text)}
    assert found == {"backup": []}, report(found, {"backup": text})
    lived.running.manage("verify_ledger")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "env",
    [{"LOG_FORMAT": "json", "SPINE_STRIDE": "1"}, {"LLM_MODEL": "anthropic:claude-x"}],
    ids=["json", "another model"],
)
def test_however_it_is_deployed(env: dict[str, str]) -> None:
    """T6: the same day, with other settings."""
    with day(**env) as one:
        texts = hunting.places(one)
        found = found_in(texts, one)
        assert not found, report(found, texts)
