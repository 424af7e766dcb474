"""What `make bench` writes: every target has its line, and the page is what was kept."""

from pathlib import Path

import pytest

from bench.parts.page import NOT_YET, PAGE, as_text, load, render, shown, table
from bench.parts.ratios import Taken, of_pages, to_the_first
from bench.parts.targets import TARGETS, least, most
from bench.peers.governed import STEPS, is_whole, row

ROOT = Path(__file__).parents[2]
IDS = [f"B{number}" for number in range(1, 13)]


def test_every_target_has_a_line_and_a_benchmark() -> None:
    assert list(dict.fromkeys(each.id for each in TARGETS)) == IDS
    page = render(load())
    for target in TARGETS:
        assert (ROOT / "bench" / f"{target.bench}.py").exists(), target.bench
        assert f"| {target.id} | {target.what} |" in page


def test_the_page_is_what_was_kept() -> None:
    """`make bench` writes both; nobody writes into the page."""
    assert PAGE.read_text() == render(load())


def test_what_was_kept_names_where_it_comes_from() -> None:
    for name, record in load().items():
        assert f"make bench ARGS={name}" in record["command"]
        assert all(record[each] for each in ("date", "machine", "versions", "sizes"))


def test_a_line_says_whether_its_target_is_met() -> None:
    more, less = least("B1", "", "a/b", 1.0, 1.8), most("B5", "", "a/b", 0.5, 0.15)
    assert [more.is_met(each) for each in (0.99, 1.0, 2)] == [False, True, True]
    assert [less.is_met(each) for each in (0.51, 0.5, 0.1)] == [False, True, True]
    assert more.is_stretched(1.8)
    assert not less.is_stretched(0.2)


def test_the_table_shows_medians_spreads_and_what_is_not_known() -> None:
    figures = {
        "DBOS to product, cpu": [2.5, 3.0, 1.9],
        "DBOS to product, wall": [1.25],
        "LangGraph to product, cpu": [1.0, 1.1],
        "Prefect to product, cpu": [61.0],
        "Procrastinate: failed": "it could not be installed",
    }
    lines = [
        line for line in table({"rivals": {"figures": figures}}) if line[0] == "B3"
    ]
    assert [line[2] for line in lines] == [
        "2.5 × (1.9–3); wall 1.25 ×",
        "1.05 × (1–1.1)",
        "failed: it could not be installed",
        "61 ×",
    ]
    assert [line[-1] for line in lines] == ["yes", "**no**", "—", "stretch"]
    others = [line for line in table({}) if line[0] == "B1"]
    assert [line[2] for line in others] == [NOT_YET]
    assert len(as_text({}).splitlines()) == len(TARGETS) + 1
    assert shown([1234.5, 1000.4]) == "1,117 (1,000–1,234)"


def test_ratios_are_paired_round_by_round() -> None:
    def round_(product: float, peer: float) -> dict[str, Taken]:
        return {
            "product": Taken(cpu=product, servers=1.0, wall=2.0),
            "peer": Taken(cpu=peer, servers=3.0, wall=1.0),
        }

    names = ("product", "peer", "broken")
    rounds = [round_(2.0, 4.0), round_(4.0, 4.0)]
    found = to_the_first(rounds, names, {"broken": "it ended"})
    assert found["peer to product, cpu"] == [2.0, 1.0]
    assert found["peer to product, wall"] == [0.5, 0.5]
    assert found["peer to product, with servers"] == [2.333, 1.4]
    assert found["broken: failed"] == "it ended"
    assert not [name for name in found if name.startswith("broken to")]
    pages = of_pages([{"feed": (300.0, 8.0), "plain": (200.0, 10.0)}])
    assert pages["feed to plain, requests a second"] == [1.5]
    assert pages["feed to plain, p99"] == [0.8]


@pytest.mark.parametrize("broken", [None, 0, 3])
def test_a_run_of_a_peer_is_whole_only_if_each_row_is_linked(
    broken: int | None,
) -> None:
    head, rows = "", []
    for place in range(len(STEPS)):
        data, head = row("run", place, head)
        rows.append((place, data, head))
    if broken is not None:
        place, data, digest = rows[broken]
        rows[broken] = (place, data.replace("ALLOWED", "DENIED"), digest)
    assert is_whole("run", head, rows) is (broken is None)
    assert not is_whole("run", head, rows[:-1])
    assert not is_whole("run", "another", rows)
