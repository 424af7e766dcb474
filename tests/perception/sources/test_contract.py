"""P9: what every source keeps to, each against a real server."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from perception.sources.base import (
    EXCERPT,
    Asked,
    Found,
    SourceBarred,
    SourceFailed,
    SourceRefuses,
)
from perception.sources.registry import SOURCES
from tests.perception.sources.servers import SECRET, about, asked, cut, everything, wire
from tests.perception.sources.sites import SITES, Site, opened

WRONG = "another-secret-of-nobody"


@pytest.fixture(scope="module", params=SITES)
def site(request: Any, tmp_path_factory: Any, services: None) -> Iterator[Site]:
    """One server for all tests of a source; they follow one upon another."""
    yield from opened(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(autouse=True)
def _around(settings: Any, site: Site) -> None:
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    settings.DROP_DIR = site.folder


def keys(pages: list[Found]) -> list[str]:
    return [signal.dedupe_key for page in pages for signal in page.signals]


def one(site: Site, config: Any, **given: Any) -> Asked:
    """One page, asked of a site."""
    return asked(config, **about(site.source), **given)


def test_an_empty_source_brings_nothing(site: Site) -> None:
    """P9."""
    pages, _ = everything(site.source, site.config())
    assert len(pages) == 1
    assert [*pages[0].signals, *pages[0].interactions, *pages[0].skipped] == []


def test_one_cursor_brings_the_same_twice_and_then_what_is_new(site: Site) -> None:
    """P9: no gap and no duplicate, whatever was pulled before the crash."""
    config = site.config()
    _, before = everything(site.source, config)
    site.add(3)
    once, cursor = everything(site.source, config, before)
    again, _ = everything(site.source, config, before)
    assert len(set(keys(once))) == len(keys(once)) == 3
    assert sorted(keys(again)) == sorted(keys(once))
    afterwards, cursor = everything(site.source, config, cursor)
    site.add(1)
    more, _ = everything(site.source, config, cursor)
    known = {*keys(once), *keys(afterwards)}
    fresh = [key for key in keys(more) if key not in known]
    assert len(fresh) == 1
    # An endpoint without a parameter for the time is read as a whole each time; what
    # reads a whole system looks back a while.
    if site.kind not in ("http", "lookup", "hubspot", "warehouse"):
        assert keys(afterwards) == []
        assert len(keys(more)) == 1


def test_what_it_brings_can_be_kept(site: Site) -> None:
    """P2: signals name an account or somebody there, and when they happened."""
    site.add(1)
    pages, _ = everything(site.source, site.config())
    signals = [signal for page in pages for signal in page.signals]
    assert signals
    for signal in signals:
        assert signal.account == "a1" or tuple(signal.emails) == ("carol@acme.example",)
        assert signal.occurred_at.tzinfo is not None
        assert 0 < len(signal.dedupe_key) <= 255
    for page in pages:
        for met in page.interactions:
            assert len(met.external_id) <= 255
            assert (len(met.subject), len(met.text)) <= (300, 10_000)


def test_a_page_that_breaks_off_is_said_and_read_again(site: Site) -> None:
    """P9: what was cut moves no cursor, and the next pull works."""
    if site.kind == "files":
        pytest.skip("files: see test_files")
    site.add(1)
    with cut(site.port, site.breaks_after) as port:
        for _ in range(2):
            with pytest.raises(SourceFailed) as failed:
                site.source.pull(one(site, site.config(port)), wire())
            assert not isinstance(failed.value, SourceRefuses)
    pages, _ = everything(site.source, site.config())
    assert len(keys(pages)) == site.count


def test_a_wrong_secret_is_refused_in_words(site: Site) -> None:
    """P9, T5: nothing is read, and nothing of the secret is said."""
    if not site.takes_secret:
        pytest.skip("it has no secret")
    there = wire(hidden=(WRONG,))
    for given, said in ((WRONG, ("secret",)), ("", ("no secret",))):
        with pytest.raises(SourceRefuses) as refused:
            site.source.pull(one(site, site.config(), secret=given), there)
        assert any(each in str(refused.value) for each in said)
        assert WRONG not in str(refused.value)
    assert WRONG not in str(there.said)


def test_what_cannot_be_reached_is_said(site: Site) -> None:
    """P9."""
    with pytest.raises(SourceFailed) as failed:
        site.source.pull(one(site, site.unreachable()), wire())
    assert failed.value.detail.endswith(".")
    pages, _ = everything(site.source, site.config())
    assert len(keys(pages)) == site.count


def test_nothing_secret_is_shown(site: Site) -> None:
    """T5: not even what the other side says back, however it is written."""
    there = wire(hidden=())
    there.hide(*([SECRET] if not site.takes_secret else []))
    site.source.pull(one(site, site.config()), there)
    assert there.said
    shown = " ".join(f"{each.request} {each.answer}" for each in there.said)
    assert SECRET not in shown


def test_what_is_hidden_is_hidden_in_what_was_said_before() -> None:
    """T5: a secret that becomes known on the way, however late; cut only then."""
    there = wire(hidden=())
    there.tell("GET /?…", "x" * (EXCERPT - 4) + "a-late-token", since=0)
    there.hide("a-late-token")
    (said,) = there.said
    assert said.answer == "x" * (EXCERPT - 4) + "…"


def test_where_it_may_not_go_is_refused(site: Site, settings: Any) -> None:
    """API7: the way out is guarded for every source."""
    if site.kind == "files":
        pytest.skip("it goes nowhere")
    settings.EGRESS_ALLOW = ()
    with pytest.raises(SourceBarred, match="EGRESS_ALLOW"):
        site.source.pull(one(site, site.config()), wire())


def test_its_form_speaks(site: Site) -> None:
    """U2: every field has a title, and what is not in the schema is refused."""
    schema = dict(site.source.schema)
    Draft202012Validator.check_schema(schema)
    assert site.source.title
    assert schema["title"]
    assert all(each["title"] for each in schema["properties"].values())
    assert bool(site.source.secret) is site.takes_secret
    assert site.source.reach is site.reach
    with pytest.raises(SourceRefuses, match="Configuration"):
        site.source.pull(one(site, {**site.config(), "no-such-thing": 1}), wire())


def test_kinds_are_what_they_are_called() -> None:
    """P9: one file, one line."""
    assert all(kind == source.kind for kind, source in SOURCES.items())
