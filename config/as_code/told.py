"""Exports and plans as people read them."""

from collections.abc import Sequence
from typing import Any

from autonomy.policy import read
from autonomy.preview import Preview
from config.as_code.planning import WAITS, Plan
from config.as_code.rules.document import FORMAT, Fault, State, plain_of
from config.as_code.rules.words import summed, told
from config.as_code.standing import digest_of
from config.as_code.text import write

HEAD = """Autonomy as code.

tenant:  {slug}
version: {version}
digest:  {digest}

What a list here leaves out is taken away, or goes back to as it was shipped; a section
that is left out stays as it is. Secrets are not written: they are kept, or named as
env:NAME. Look first:  manage.py config plan --tenant {slug} --file FILE
"""


def exported(slug: str, state: State) -> str:
    """A configuration as a file."""
    head = HEAD.format(slug=slug, version=FORMAT, digest=digest_of(state))
    return write(plain_of(state), head)


def planned(slug: str, made: Plan) -> list[str]:
    """The changes of a plan, each with its line, and what they come to."""
    lines = [f"{slug} is at {made.digest}", *made.notes]
    if not made.changes:
        return [*lines, "Nothing to do: it is as the file says."]
    for change in made.changes:
        lines.append(f"  {told(change)}  (line {change.line})")
        if change.widens:
            lines.append(f"      widens autonomy: {change.widens}")
    wider = sum(1 for change in made.changes if change.widens)
    return [*lines, summed(made.changes), *_allowance(wider)]


def _allowance(wider: int) -> list[str]:
    if not wider:
        return ["None of it widens autonomy."]
    verb = "widens" if wider == 1 else "widen"
    return [f"{wider} {verb} autonomy: apply needs --allow-widening."]


def refused(faults: Sequence[Fault]) -> list[str]:
    """Everything that speaks against a file."""
    noun = "thing speaks" if len(faults) == 1 else "things speak"
    return [
        f"{len(faults)} {noun} against this file; nothing was changed:",
        *(f"  {fault.said()}" for fault in faults),
    ]


def stated(
    slug: str, made: Plan, seen: Preview | None = None, aside: Sequence[str] = ()
) -> dict[str, Any]:
    """A plan as programs read it."""
    plain: dict[str, Any] = {
        "tenant": slug,
        "digest": made.digest,
        "changes": [
            {
                "section": change.section,
                "key": list(change.key),
                "before": change.before,
                "after": change.after,
                "line": change.line,
                "widens": change.widens,
                "said": told(change),
            }
            for change in made.changes
        ],
        "notes": list(made.notes),
    }
    if seen is not None:
        plain["simulation"] = {
            "from": seen.begin.isoformat(),
            "to": seen.end.isoformat(),
            "acts": seen.acts,
            "would_run_alone": seen.would,
            "do_run_alone": seen.does,
            "untried": seen.untried,
            "aside": list(aside),
        }
    return plain


def compared(seen: Preview, aside: Sequence[str]) -> list[str]:
    """What the acts of last week would have met."""
    if not seen.acts:
        said = "There were no acts in the last 7 days to try it on."
        return [said]
    since = (
        "the last 7 days'" if seen.is_whole else f"since {seen.begin:%Y-%m-%d %H:%M}"
    )
    alone = f"{seen.would} would have run alone instead of {seen.does}"
    lines = [f"Of {since} {seen.acts} acts, {alone}."]
    if seen.untried:
        lines.append(f"{seen.untried} of them cannot be judged again.")
    if aside:
        lines.append(f"Not in these numbers: {', '.join(aside)}.")
    return lines


def applied(slug: str, made: Plan) -> list[str]:
    """What an apply has done."""
    if not made.changes:
        return [*made.notes, "Nothing to do: it is as the file says."]
    waiting = [
        f"policy_bundle {WAITS}:\n  policy activate --tenant {slug} "
        f"--version {read(change.after).version} --as EMAIL"
        for change in made.changes
        if change.section == "policy_bundle" and change.widens
    ]
    done = [f"  {told(change)}" for change in made.changes]
    return [*made.notes, *done, f"Applied. {summed(made.changes)}", *waiting]
