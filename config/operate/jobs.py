"""What the named jobs of the house do: for each, how many accounts, and what broke.

Short ticks look through what changed as it changes; a job is the sweep behind them, so
that whatever a tick left, or nobody came for, is looked through all the same.
"""

from collections.abc import Mapping
from datetime import datetime

from autonomy import catching_up, digests, earning, goals
from autonomy.jobs import SHIPPED, Did, Do
from autonomy.learning import daily
from perception import patterns, reviews, summaries
from perception.faults import Faults
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


def _reach_out(now: datetime) -> Did:
    """Renewals that came near, and goals that are behind: plans, and runs."""
    faults = Faults()
    done = foreseeing.propose_due(now=now, broke=faults)
    done += catching_up.outreach(now=now, broke=faults)
    for goal in catching_up.behind(now=now):
        for account in goal.accounts:
            done += foreseeing.goal_behind(
                account,
                goal.type,
                tenant=goal.tenant,
                since=goal.since,
                now=now,
                broke=faults,
            )
    return _told(done, faults)


def _measure(now: datetime) -> Did:
    faults = Faults()
    return _told(goals.measure_due(now=now, broke=faults), faults)


def _deliver(now: datetime) -> Did:
    """What ticks left; the count is of all digests since the last time."""
    broken, error = 0, ""
    for _ in range(ROUNDS):
        written = digests.write_due(now=now)
        sent = digests.send_due(now=now)
        broken = written.broken + sent.broken
        error = written.error or sent.error
        if not written.count + sent.count:
            break
    since = now - SHIPPED["daily_digest_generation"]
    return Did(count=digests.written_since(since), broken=broken, error=error)


def _fit(now: datetime) -> Did:
    faults = Faults()
    return _told(daily.fit_all(now=now, broke=faults), faults)


def _fit_house(now: datetime) -> Did:
    faults = Faults()
    return _told(daily.fit_house(now=now, broke=faults), faults)


def _evaluate(now: datetime) -> Did:
    faults = Faults()
    return _told(daily.evaluate_all(now=now, broke=faults), faults)


def _reconcile(now: datetime) -> Did:
    """The count is of acts that ended; one without an outcome is a fault of the house."""
    faults = Faults()
    found = daily.reconcile_all(now=now, broke=faults)
    missing = f"{found.missing} without an outcome" if found.missing else ""
    said = ", ".join(each for each in (faults.first, missing) if each)
    return Did(count=found.ended, broken=faults.count + found.missing, error=said)


def _look_at_records(now: datetime) -> Did:
    faults = Faults()
    return _told(earning.look_all(now=now, broke=faults), faults)


def _told(count: int, faults: Faults) -> Did:
    return Did(count=count, broken=faults.count, error=faults.first)


def _covered(
    name: str, due: str, job: str, served: reviews.Served, now: datetime
) -> Did:
    """All that were looked through since the last time, whichever tick did it."""
    count = reviews.looked(due, since=now - SHIPPED[name], job=job)
    return Did(count=count, broken=served.broken, error=served.error)


DOERS: Mapping[str, Do] = {
    "pattern_scan": _scan,
    "proactive_outreach_check": _reach_out,
    "goal_progress_update": _measure,
    "daily_digest_generation": _deliver,
    "context_summarization": _summarise,
    "ranking_fit": _fit,
    "house_ranking_fit": _fit_house,
    "ranking_evaluation": _evaluate,
    "outcome_reconciliation": _reconcile,
    "earned_autonomy": _look_at_records,
}
