"""What pages about acts share: a button asked for once more, "Why?", who did it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from autonomy.models import Verdict
from autonomy.rules.verdict import RANK, Decision
from ledger.scope import current_tenant

# A word, and its tone: good, run, wait, bad, out, or none.
Said = tuple[str, str]

DECISIONS: Mapping[str, Said] = {
    "AUTO_EXECUTE": ("Runs alone", "good"),
    "REQUIRE_APPROVAL": ("Asks a person", "wait"),
    "BLOCK": ("Blocked", "bad"),
}
LAYERS: Mapping[str, str] = {
    "kill_switch": "Kill switches",
    "tier": "Kind of act",
    "stage": "Stage of the deal",
    "floor": "Safety floor",
    "reversal": "Can be taken back",
    "mode": "Mode",
    "schedule": "Rituals and plans",
    "contact": "Contact rules",
    "policy": "Your policy",
    "budget": "Budget",
}
CEILINGS: Mapping[str, Said] = {
    "AUTO_EXECUTE": ("Lets it run", "good"),
    "REQUIRE_APPROVAL": ("Asks a person", "wait"),
    "BLOCK": ("Blocks it", "bad"),
}
# Whoever is not a member; by what they are, or else by their kind.
ACTORS: Mapping[str, str] = {
    "operator": "An operator",
    "person": "Somebody",
    "policy": "Policy",
    "schedule": "The timetable",
    "system": "The house",
}

PUT_BACK = "What it changed is put back as it was, unless somebody has changed it."


@dataclass(frozen=True, kw_only=True)
class Act:
    """One button: what it does, or why it does not."""

    key: str
    word: str
    of: str
    url: str
    about: str
    confirm: str
    tone: str = ""
    may: bool = True
    why_not: str = ""
    asks: bool = True
    must: bool = False
    said: str = ""
    is_open: bool = False


@dataclass(frozen=True, kw_only=True)
class Why:
    """A verdict, in words."""

    decision: str
    tone: str
    reason: str
    explanation: str
    clause: str
    version: str
    at: datetime
    layers: str
    automatic_if: Sequence[str]
    link: str


def why_of(verdict: Verdict) -> Why:
    """What the layers said about an intent, and what would make it automatic."""
    words, tone = DECISIONS[verdict.decision]
    return Why(
        decision=words,
        tone=tone,
        reason=spaced(verdict.reason.lower()),
        explanation=verdict.explanation,
        clause=verdict.policy_clause,
        version=verdict.policy_version,
        at=verdict.judged_at,
        layers=told_layers(verdict.layers),
        automatic_if=verdict.would_be_automatic_if,
        link=reverse("intent-page", args=[verdict.intent_id]),
    )


def read_layers(verdicts: Iterable[Verdict]) -> None:
    """Lists are read without layers, which are heavy; those of a page come at once."""
    bare = [each for each in verdicts if "layers" in each.get_deferred_fields()]
    rows = Verdict.objects.filter(tenant_id=current_tenant())
    found = rows.filter(pk__in=[each.pk for each in bare]).values_list("id", "layers")
    layers = dict(found) if bare else {}
    for each in bare:
        each.layers = layers[each.pk]


def layer(key: str) -> str:
    """A layer by its name."""
    return LAYERS.get(key, spaced(key))


def tightest(judged: Sequence[Mapping[str, str]]) -> str:
    """Which layers kept it from going further, in a sentence."""
    found, count = _ceilings(judged), len(judged)
    if list(found) == [Decision.AUTO_EXECUTE]:
        return f"All {count} layers let it run, none tighter than the others."
    names = next(iter(found.values()), ())
    return f"The tightest of {count} layers: {listed(names)}." if names else ""


def told_layers(judged: Sequence[Mapping[str, str]]) -> str:
    """The same, and what the others said."""
    found, said = _ceilings(judged), tightest(judged)
    if list(found) == [Decision.AUTO_EXECUTE]:
        return f"{said.rstrip('.')}: {', '.join(found[Decision.AUTO_EXECUTE])}."
    rest = [f"{CEILINGS[key][0]}: {', '.join(found[key])}." for key in [*found][1:]]
    return " ".join([said, *rest])


def _ceilings(judged: Sequence[Mapping[str, str]]) -> dict[Decision, list[str]]:
    """The layers by what they said, the tightest first."""
    found = {
        key: [layer(each["layer"]) for each in judged if each["decision"] == key]
        for key in RANK
    }
    return {key: names for key, names in found.items() if names}


def by_whom(actor: Mapping[str, str], names: Mapping[str, str]) -> str:
    """Who stated something, by name where it is a member."""
    known = names.get(actor["id"]) or ACTORS.get(actor["id"])
    return known or ACTORS.get(actor["type"], spaced(actor["type"]))


def listed(words: Sequence[str]) -> str:
    """One, two and three."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def spaced(key: str) -> str:
    """A key as words."""
    return key.replace("_", " ").strip().capitalize()
