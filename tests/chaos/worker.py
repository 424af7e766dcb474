"""Celery as the Procfile starts it, of a chosen folder: by a wrong clock, or stamped.

python tests/chaos/worker.py [--folder F] [--ahead HOURS] [--stamp FILE NAME] -- WORDS
"""

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--folder", type=Path, default=Path(__file__).parents[2])
    given.add_argument("--ahead", type=float, default=0)
    given.add_argument("--stamp", nargs=2)
    given.add_argument("words", nargs="+")
    choice = given.parse_args()
    os.chdir(choice.folder)
    sys.path[0] = str(choice.folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    if choice.ahead:
        # Before anything else is loaded: all of the process lives in that time.
        moment = datetime.now(UTC) + timedelta(hours=choice.ahead)
        time_machine.travel(moment, tick=True).start()
    if choice.stamp:
        stamp(Path(choice.stamp[0]), choice.stamp[1])
    start(choice.words)


def start(words: list[str]) -> None:
    from celery.__main__ import main as celery  # noqa: PLC0415

    sys.argv = ["celery", *words]
    celery()


def stamp(path: Path, name: str) -> None:
    """Write down who did which stage of a run, and what it was asked with."""
    import django  # noqa: PLC0415
    from celery.signals import task_prerun  # noqa: PLC0415

    django.setup()
    from autonomy import pipeline  # noqa: PLC0415

    def note(*words: Any) -> None:
        with path.open("a") as file:
            file.write(" ".join(map(str, (name, *words))) + "\n")

    def noted(stage: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def stamped(held: Any) -> Any:
            note("did", stage, held.id)
            return step(held)

        return stamped

    for stage, step in pipeline.STAGES.items():
        pipeline.STAGES[stage] = noted(stage.value, step)

    @task_prerun.connect(weak=False)
    def asked(kwargs: dict[str, Any], **_: Any) -> None:
        if "run" in kwargs:
            note("asked", *sorted(kwargs))


if __name__ == "__main__":
    main()
