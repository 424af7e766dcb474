"""Rates: a bucket that fills by so many a second, and holds a second's worth."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """What was left, and when that was; nobody took from a new one yet."""

    tokens: float = 0
    filled_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """The bucket afterwards; `until` where there was nothing to take."""

    admitted: bool
    bucket: Bucket
    until: datetime | None = None


def take(bucket: Bucket, *, rate: float, now: datetime) -> Taken:
    """Take one, if there is one."""
    held = filled(bucket, rate=rate, now=now)
    if held.tokens >= 1:
        left = Bucket(tokens=held.tokens - 1, filled_at=held.filled_at)
        return Taken(admitted=True, bucket=left)
    wait = timedelta(seconds=(1 - held.tokens) / rate)
    return Taken(admitted=False, bucket=bucket, until=now + wait)


def filled(bucket: Bucket, *, rate: float, now: datetime) -> Bucket:
    """What it holds now. A clock that went back adds nothing."""
    most = max(1.0, rate)
    if bucket.filled_at is None:
        return Bucket(tokens=most, filled_at=now)
    since = max(0.0, (now - bucket.filled_at).total_seconds())
    tokens = min(most, bucket.tokens + since * rate)
    return Bucket(tokens=tokens, filled_at=max(now, bucket.filled_at))
