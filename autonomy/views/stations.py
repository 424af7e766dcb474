"""The stations of an act in words, from what triggered it to what all layers said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.urls import reverse

from autonomy.views.account_words import stood_words
from autonomy.views.parts import (
    CEILINGS,
    DECISIONS,
    by_whom,
    layer,
    listed,
    spaced,
    tightest,
)
from autonomy.views.story import Told
from autonomy.views.story_words import (
    MODELS,
    RUNS,
    TRIGGERS,
    counted,
    plain,
    scope_of,
    sentence,
    spoken,
    when,
    zone,
)
from autonomy.views.words import INTENTS, action
from ledger.models import Entry
from ledger.rules.kinds import Kind

Pairs = Sequence[tuple[str, str]]
# Of a payload, only what fits on a line.
FIGURES = 6
SHORT = 80


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line of a station, with its tone in a word, and where it leads."""

    what: str
    words: str = ""
    tone: str = ""
    more: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Station:
    """One station: a sentence, its facts folded, and the entries that bear it out."""

    key: str
    title: str
    said: str
    tone: str = "good"
    at: datetime | None = None
    by: str = ""
    facts: Pairs = ()
    items: Sequence[Item] = ()
    entries: Sequence[Entry] = field(default=())
    link: tuple[str, str] = ("", "")
    is_open: bool = False

    @property
    def sealed(self) -> list[int]:
        """Where its entries stand in the ledger's tree."""
        places = (each.sequence for each in self.entries)  # type: ignore[attr-defined]
        return [each for each in places if each is not None]

    @property
    def waits_for_seal(self) -> bool:
        return len(self.sealed) < len(self.entries)


def made(
    key: str, title: str, said: str, lines: Sequence[Entry], **more: Any
) -> Station:
    """A station that happened when its last entry was stated."""
    at = more.pop("at", None) or (lines[-1].at if lines else None)
    return Station(key=key, title=title, said=said, entries=lines, at=at, **more)


def who(entry: Entry, names: Mapping[str, str]) -> str:
    """Who stated it, by name."""
    return by_whom(entry.actor, names)


def beginning(told: Told) -> list[Station]:
    """What led to proposals: signal, trigger, gate, decision."""
    if told.run is None:
        return [_proposed(told)]
    found = [_signal(told), _trigger(told), _gate(told), _decision(told)]
    return [each for each in found if each is not None]


def _proposed(told: Told) -> Station:
    """No run led to it: somebody, or a plan, proposed it."""
    lines, intent = told.said(Kind.INTENT_PROPOSED), told.intent
    by = who(lines[0], told.names) if lines else "Somebody"
    if intent is not None and intent.plan_id is not None:
        link = reverse("plan-page", args=[intent.plan_id])
        said = "A plan came to this step."
        more: dict[str, Any] = {"link": (link, "The plan")}
        return made("signal", "The plan", said, lines, **more)
    said = f"{by} proposed it, over the API."
    return made("signal", "Who proposed it", said, lines, by=by)


def _signal(told: Told) -> Station | None:
    """What happened outside, and was kept."""
    lines = [e for e in told.said(Kind.SIGNAL_RECEIVED) if e.intent_id is None]
    signal = told.signal
    if signal is None:
        return None
    source = f" from {signal.source}" if signal.source else ""
    heard = f"A signal came in{source}: {spaced(signal.type).lower()}."
    payload = signal.payload if isinstance(signal.payload, dict) else {}
    short = {k: plain(v) for k, v in payload.items() if len(plain(v)) <= SHORT}
    facts = [
        ("Happened", when(signal.occurred_at)),
        ("Came in", when(signal.received_at)),
        *((spaced(name), short[name]) for name in list(short)[:FIGURES]),
    ]
    if signal.depth:
        facts.append(("Chain", f"it is the echo of {counted(signal.depth, 'act')}"))
    at = signal.received_at
    return made("signal", "Signal", heard, lines, facts=facts, at=at)


def _trigger(told: Told) -> Station | None:
    """Whether that starts anything."""
    run = told.run
    lines = told.said(Kind.TRIGGER_FIRED, Kind.TRIGGER_HELD)
    if run is None:
        return None
    asked = told.said(Kind.RUN_ASKED)
    about = TRIGGERS.get(run.trigger, spaced(run.trigger).lower())
    facts = [("Trigger", spaced(run.trigger.lower()))]
    if lines and lines[-1].kind == Kind.TRIGGER_HELD:
        why = run.gate_explanation or spaced(
            str(lines[-1].data.get("reason", "")).lower()
        )
        said = f"It started nothing: {sentence(why)}"
        return made("trigger", "Trigger", said, lines, tone="out", facts=facts)
    said = f"It was looked at because of {about}."
    if asked:
        said = f"{who(asked[0], told.names)} asked what would help."
    at = None if lines else run.created_at
    return made("trigger", "Trigger", said, [*asked, *lines], facts=facts, at=at)


def _gate(told: Told) -> Station | None:
    """Whether a decision was worth its cost."""
    lines = told.said(Kind.GATE_JUDGED)
    if not lines:
        return None
    data = lines[-1].data
    said, tone = {
        "ALLOW": ("A decision was worth its cost", "good"),
        "DEFER": ("A decision was put off", "wait"),
    }.get(data["result"], ("A decision was not worth its cost", "out"))
    is_plain = data["reason"] == "ALLOWED"
    facts = [] if is_plain else [("Reason", spaced(data["reason"].lower()))]
    if data.get("defer_until"):
        facts.append(("Until", when(datetime.fromisoformat(data["defer_until"]))))
    if len(lines) > 1:
        facts.append(("Looked at", counted(len(lines), "time")))
    said = f"{said}." if is_plain else f"{said}: {sentence(data['explanation'])}"
    return made("gate", "Cost gate", said, lines, tone=tone, facts=facts)


def _decision(told: Told) -> Station | None:
    """What was proposed, by whom, from what was known, and in which order."""
    kinds = (Kind.RUN_DECIDED, Kind.PROPOSAL_REFUSED, Kind.RUN_PARKED, Kind.RUN_RETRIED)
    lines, run = told.said(*kinds, Kind.INTENT_PROPOSED), told.run
    decided = told.last(Kind.RUN_DECIDED)
    if run is not None and run.status == "PARKED":
        said = f"It stopped at {run.stage.lower()}: {sentence(run.error or 'a fault')}"
        said += " An admin can send it on its way again."
        return made("decision", "Decision", said, lines, tone="bad")
    if decided is None:
        return None
    data = decided.data
    by = MODELS.get(data["synthesizer"], f"a {data['synthesizer']}")
    said = _chosen(told, f"{by[:1].upper()}{by[1:]}", len(data["proposals"]))
    more: dict[str, Any] = {"facts": _knew(data), "items": _candidates(told)}
    more["is_open"] = told.intent is None
    tone = "good" if data["proposals"] else "out"
    return made("decision", "Decision", said, lines, tone=tone, by=by, **more)


def _chosen(told: Told, by: str, many: int) -> str:
    if not many:
        return f"{by} looked, and found nothing worth doing."
    said = f"{by} proposed {counted(many, 'act')}"
    if told.intent is None or not told.intent.rank:
        return f"{said}."
    if many == 1:
        return f"{said}: this one."
    return f"{said}. This one was ranked {told.intent.rank} of {many}."


def _knew(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the decision could look at; the frozen context itself is in the JSON."""
    snapshot = data["snapshot"]
    nouns = {
        "signals": "signal", "opportunities": "deal", "contacts": "contact",
        "goals": "goal", "outcomes": "earlier outcome",
    }  # fmt: skip
    known = [counted(len(snapshot.get(many, ())), one) for many, one in nouns.items()]
    facts = [("It knew of", listed(known))]
    if stood := stood_words(snapshot):
        facts.append(("The account was", stood))
    facts.append(("Ranked by", plain(data.get("ranking", {}).get("model"))))
    facts += spoken(data.get("model"))
    if data.get("fallback"):
        facts.append(("Instead of", f"{data['fallback']}, which did not answer"))
    if data.get("refused"):
        facts.append(("Refused", counted(data["refused"], "proposal")))
    return facts


def _candidates(told: Told) -> list[Item]:
    """Everything that was proposed, in its order."""
    scores = {
        each["intent"]: each["score"]
        for each in (told.choice.candidates if told.choice else ())
    }
    return [
        Item(
            what=action(each.action_type),
            words=INTENTS[each.status][0],
            tone=INTENTS[each.status][1],
            more=f"score {scores[str(each.id)]:.2f}" if str(each.id) in scores else "",
            url=""
            if told.intent is not None and each.pk == told.intent.pk
            else reverse("intent-page", args=[each.pk]),
        )
        for each in told.siblings
    ]


def judged(told: Told) -> Station | None:
    """What the layers said; the last word counts, and earlier ones are told of."""
    lines = told.said(Kind.INTENT_JUDGED, Kind.INTENT_BLOCKED)
    verdicts = told.said(Kind.INTENT_JUDGED)
    if not verdicts:
        return None
    data = verdicts[-1].data
    tone = DECISIONS[data["decision"]][1]
    said = {
        "AUTO_EXECUTE": "",
        "REQUIRE_APPROVAL": "A person had to decide.",
        "BLOCK": "It was stopped, for people too.",
    }[data["decision"]]
    told_ = (said, tightest(data["layers"]), sentence(data["explanation"]))
    said = " ".join(filter(None, told_))
    facts = [
        ("Reason", spaced(data["reason"].lower())),
        ("Clause", data["policy_clause"]),
        ("Policy", data["policy_version"]),
    ]
    if len(verdicts) > 1:
        earlier = [DECISIONS[each.data["decision"]][0].lower() for each in verdicts]
        facts.append(("Judged", f"{len(verdicts)} times: {', then '.join(earlier)}"))
    items = [
        Item(
            what=layer(each["layer"]),
            words=CEILINGS[each["decision"]][0],
            tone=CEILINGS[each["decision"]][1],
            more=each["explanation"],
        )
        for each in data["layers"]
    ]
    more: dict[str, Any] = {"facts": facts, "items": items}
    return made("layers", "Ten layers", said, lines, tone=tone, **more)


def budget(told: Told) -> Station | None:
    """What it took out of the day's budgets, before and after."""
    lines = told.said(Kind.BUDGET_CONSUMED, Kind.BUDGET_RETURNED)
    verdict = told.last(Kind.INTENT_JUDGED)
    if verdict is None:
        return None
    held = verdict.data["facts"].get("budgets") or ()
    took = [each for each in lines if each.kind == Kind.BUDGET_CONSUMED]
    came_back = bool(lines) and lines[-1].kind == Kind.BUDGET_RETURNED
    one = 1 if took and not came_back else 0
    facts = [(scope_of(each["scope"]), _left(each, one)) for each in held]
    facts.append(("Starts afresh", f"00:00 {zone()}"))
    if came_back:
        said, tone = "What it had taken came back, as nothing was started.", "out"
    elif took:
        least = min(held, key=_rest) if held else None
        left = f" {_rest(least) - 1} of {least['limit']} were left." if least else ""
        said, tone = f"It used one of the day’s automatic acts.{left}", "good"
    elif held:
        said, tone = "It used up nothing: only what runs by itself does.", "out"
    else:
        said, tone = "No budget applies here, so nothing runs by itself.", "out"
    facts.insert(0, ("Day", str(verdict.data["facts"]["day"])))
    return made("budget", "Budget", said, lines, tone=tone, facts=facts)


def _rest(line: Mapping[str, Any]) -> int:
    return max(0, int(line["limit"]) - int(line["used"]))


def _left(line: Mapping[str, Any], taken: int) -> str:
    before = f"{_rest(line)} of {line['limit']} left before"
    return f"{before}, {max(0, _rest(line) - taken)} after" if taken else before


def run_state(told: Told) -> tuple[str, str]:
    """How a run stands, in a word."""
    if told.run is None:
        return ("", "")
    if told.run.status == "DONE" and not told.siblings:
        return ("Nothing to do", "out")
    return RUNS[told.run.status]
