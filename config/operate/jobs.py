"""What the named jobs of the house do: for each, how many accounts, and what broke.

Short ticks look through what changed as it changes; a job is the sweep behind them, so
that whatever a tick left, or nobody came for, is looked through all the same.
"""

from collections.abc import Mapping
from datetime import datetime

from autonomy import catching_up, digests, goals
from autonomy.jobs import SHIPPED, Did, Do
from perception import patterns, reviews, summaries
from plans import foreseeing

# So many looks at what is due, and the rest is left to the ticks.
ROUNDS = 10


def _scan(now: datetime) -> Did:
    served = patterns.scan_all(now=now)
    return _covered("pattern_scan", reviews.SCAN, patterns.JOB, served, now)


def _summarise(now: datetime) -> Did:
    served = summaries.summarise_all(now=now)
    name = "context_summarization"
    return _covered(name, reviews.SUMMARY, summaries.JOB, served, now)


def _reach_out(now: datetime) -> int:
    """Renewals that came near, and goals that are behind: plans, and runs."""
    done = foreseeing.propose_due(now=now) + catching_up.outreach(now=now)
    for goal in catching_up.behind(now=now):
        for account in goal.accounts:
            done += foreseeing.goal_behind(
                account, goal.type, tenant=goal.tenant, since=goal.since, now=now
            )
    return done


def _measure(now: datetime) -> int:
    return goals.measure_due(now=now)


def _deliver(now: datetime) -> Did:
    """What ticks left; the count is of all digests since the last time."""
    broken = 0
    for _ in range(ROUNDS):
        written = digests.write_due(now=now)
        sent = digests.send_due(now=now)
        broken = written.broken + sent.broken
        if not written.count + sent.count:
            break
    since = now - SHIPPED["daily_digest_generation"]
    return Did(count=digests.written_since(since), broken=broken)


def _covered(
    name: str, due: str, job: str, served: reviews.Served, now: datetime
) -> Did:
    """All that were looked through since the last time, whichever tick did it."""
    count = reviews.looked(due, since=now - SHIPPED[name], job=job)
    return Did(count=count, broken=served.broken)


DOERS: Mapping[str, Do] = {
    "pattern_scan": _scan,
    "proactive_outreach_check": _reach_out,
    "goal_progress_update": _measure,
    "daily_digest_generation": _deliver,
    "context_summarization": _summarise,
}
