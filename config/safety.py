"""Settings of Celery that lose or repeat work are refused at the start."""

from typing import Any


class UnsafeCelery(Exception):
    """Celery is configured so that it would lose or repeat work."""


def refuse_unsafe(settings: Any) -> None:
    """Raise on the first setting that measurements have shown to be unsafe."""
    for unsafe, why in _unsafe(settings):
        if unsafe:
            raise UnsafeCelery(why)


def _unsafe(settings: Any) -> list[tuple[bool, str]]:
    visibility = settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("visibility_timeout")
    return [
        (
            visibility is not None and visibility <= settings.CELERY_TASK_TIME_LIMIT,
            "visibility_timeout must exceed task_time_limit, or healthy work repeats.",
        ),
        (
            settings.CELERY_RESULT_BACKEND is not None,
            "A result backend costs time and grows; results live in Postgres.",
        ),
        (
            set(settings.CELERY_ACCEPT_CONTENT) != {"json"},
            "Only JSON is accepted: a pickle runs code of whoever reaches the broker.",
        ),
        (
            not settings.CELERY_TASK_ACKS_LATE,
            "acks_late must be on, or a killed worker takes its message along.",
        ),
        (
            settings.CELERY_TASK_REJECT_ON_WORKER_LOST,
            "reject_on_worker_lost must be off, or poison work loops for ever.",
        ),
        (
            settings.CELERY_WORKER_PREFETCH_MULTIPLIER != 1,
            "prefetch must be 1, or one worker hoards what others could do.",
        ),
        (
            getattr(settings, "CELERY_TASK_ALWAYS_EAGER", False),
            "Eager tasks run inside the caller and are no proof of anything.",
        ),
    ]
