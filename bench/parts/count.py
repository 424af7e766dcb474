"""One signal walked in this process, every round trip to the database counted."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection

from autonomy import pipeline
from autonomy.pipeline import STAGES
from autonomy.rules.runs import Stage
from autonomy.runs import Held
from bench.parts.world import World

Counts = Counter[str]


@contextmanager
def counted(into: Counts, said: list[str] | None = None) -> Iterator[None]:
    """Count statements, savepoints and commits; what rides along travels for nothing."""

    def each(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        text = str(sql)
        kind = "savepoints" if "SAVEPOINT" in text else "queries"
        into[kind] += 1
        into["round_trips"] += 1
        if said is not None:
            said.append(" ".join(text.split())[:110])
        return execute(sql, params, many, context)

    kept = connection.set_autocommit

    def ends(autocommit: bool, **more: Any) -> Any:
        if autocommit:
            into["commits"] += 1
            into["round_trips"] += 1
        return kept(autocommit, **more)

    connection.ensure_connection()
    connection.set_autocommit = ends  # type: ignore[method-assign,assignment]
    try:
        with connection.execute_wrapper(each):
            yield
    finally:
        connection.set_autocommit = kept  # type: ignore[method-assign]


def walk(run: UUID, world: World) -> None:
    """All stages of one run in one stride."""
    pipeline.walk(run, Stage.TRIGGER, tenant=world.tenant, may=lambda stage: True)


def by_stage(world: World, said: list[str] | None = None) -> dict[str, Counts]:
    """The counts of each stage of one signal, and between them: of the claim before, and
    of the commits.
    """
    found: dict[str, Counts] = {"between": Counter()}
    kept = dict(STAGES)

    def of(stage: Stage, step: Callable[[Held], Stage | None]) -> Any:
        def run(held: Held) -> Stage | None:
            counts = found.setdefault(stage.value.lower(), Counter())
            if said is not None:
                said.append(f"--- {stage.value}")
            with counted(counts, said):
                return step(held)

        return run

    whole: Counts = Counter()
    (run,) = world.post(1)
    STAGES.update({stage: of(stage, step) for stage, step in kept.items()})
    try:
        with counted(whole, None):
            walk(run, world)
    finally:
        STAGES.update(kept)
    for name in ("queries", "savepoints", "commits", "round_trips"):
        inner = sum(each[name] for each in found.values())
        found["between"][name] = whole[name] - inner
    found["whole"] = whole
    return found
