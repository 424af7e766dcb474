"""Briefs: everything known of an account in one read, told by rules; names put in later."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from autonomy.models import Effect
from autonomy.rows import Writes
from autonomy.rules import briefs
from autonomy.rules.brief_facts import (
    Before,
    Deal,
    Earlier,
    Facts,
    Heard,
    Known,
    Met,
    Someone,
    Waiting,
)
from autonomy.rules.snapshots import names_of
from ledger.scope import current_tenant
from perception.models import Contact, Interaction
from perception.rules.heat import Heat, Tier, cooled

KIND = "brief"
LOOKBACK = timedelta(days=60)
# Of a payload only these, and of a text only its beginning.
SAID = [
    "change", "count", "days", "direction", "field", "from", "metric", "object",
    "reason", "renewal_date", "role", "rule", "severity", "stage", "subject", "summary",
    "text", "ticket", "title", "to", "window",
]  # fmt: skip
GONE = "(erased since)"

_READ = """
SELECT jsonb_build_object(
  'account', (SELECT jsonb_build_object('lifecycle', a.lifecycle,
      'tier', a.heat_tier, 'score', a.heat_score, 'at', a.heat_at,
      'owned', a.owner_id IS NOT NULL,
      'engaged_at', (SELECT v.engaged_at FROM perception_review v
        WHERE v.tenant_id = a.tenant_id AND v.account_id = a.id))
    FROM perception_account a WHERE a.tenant_id = n.tenant AND a.id = n.account),
  'people', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', c.id, 'name', c.name,
      'email', c.email, 'opted_out', c.opted_out, 'erased', c.erased_at IS NOT NULL)
      ORDER BY c.id), '[]')
    FROM (SELECT * FROM perception_contact
      WHERE tenant_id = n.tenant AND account_id = n.account ORDER BY id LIMIT 200) c),
  'deals', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', o.id,
      'name', o.external_id, 'stage', o.stage, 'amount', o.amount::text,
      'renewal', o.renewal_date) ORDER BY o.id), '[]')
    FROM (SELECT * FROM perception_opportunity
      WHERE tenant_id = n.tenant AND account_id = n.account
      ORDER BY (stage IN ('closed_won', 'closed_lost')), id LIMIT 40) o),
  'heard', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'type', s.type,
      'at', s.occurred_at,
      'evidence', CASE WHEN s.type = 'pattern_detected'
        THEN jsonb_path_query_array(s.payload, '$.evidence[0 to 4]') END,
      'said', CASE WHEN jsonb_typeof(s.payload) = 'object' THEN (
        SELECT jsonb_object_agg(p.key, CASE WHEN jsonb_typeof(p.value) = 'string'
            THEN to_jsonb(left(p.value #>> '{}', 800)) ELSE p.value END)
        FROM jsonb_each(s.payload) p
        WHERE p.key = ANY(n.said)
          AND jsonb_typeof(p.value) IN ('string', 'number', 'boolean')) END)
      ORDER BY s.id DESC), '[]')
    FROM (SELECT * FROM perception_signal
      WHERE tenant_id = n.tenant AND account_id = n.account
        AND type <> 'execution_outcome' ORDER BY id DESC LIMIT 60) s),
  'met', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', i.id, 'at', i.at,
      'channel', i.channel, 'direction', i.direction, 'people', i.participants,
      'subject', i.subject, 'text', left(i.text, 800)) ORDER BY i.at DESC, i.id), '[]')
    FROM (SELECT * FROM perception_interaction
      WHERE tenant_id = n.tenant AND account_id = n.account AND at <= n.now
        AND at >= n.since ORDER BY at DESC LIMIT 100) i),
  'before', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'span', m.span,
      'starts', m.starts, 'facts', m.facts) ORDER BY m.starts DESC, m.id), '[]')
    FROM (SELECT * FROM perception_summary
      WHERE tenant_id = n.tenant AND account_id = n.account
      ORDER BY starts DESC, span DESC LIMIT 2) m),
  'waiting', (SELECT coalesce(jsonb_agg(jsonb_build_object('intent', t.id,
      'action_type', t.action_type, 'status', t.status, 'since', t.created_at,
      'approval', q.id, 'role', q.requires_role, 'until', q.expires_at)
      ORDER BY t.id DESC), '[]')
    FROM (SELECT * FROM autonomy_intent
      WHERE tenant_id = n.tenant AND account_id = n.account
      ORDER BY id DESC LIMIT 200) t
    LEFT JOIN autonomy_approval q ON q.tenant_id = t.tenant_id AND q.intent_id = t.id
      AND q.status = 'PENDING'
    WHERE t.id <> n.intent AND t.status = ANY(n.open)),
  'known', (SELECT coalesce(jsonb_agg(jsonb_build_array(k.field, k.value)
      ORDER BY k.field), '[]')
    FROM (SELECT * FROM autonomy_contextfield
      WHERE tenant_id = n.tenant AND account_id = n.account
      ORDER BY updated_at DESC, field LIMIT 5) k),
  'earlier', (SELECT jsonb_build_object('id', e.id, 'at', e.created_at,
      'state', e.data -> 'state')
    FROM autonomy_effect e
    WHERE e.tenant_id = n.tenant AND e.account_id = n.account AND e.kind = 'brief'
      AND e.undone_at IS NULL ORDER BY e.id DESC LIMIT 1)
)::text
FROM (SELECT %s::uuid AS tenant, %s::uuid AS account, %s::uuid AS intent,
    %s::timestamptz AS now, %s::timestamptz AS since, %s::text[] AS said,
    %s::text[] AS open) n
"""


def brief(
    account: UUID,
    *,
    intent: UUID,
    action_type: str,
    asked: Mapping[str, Any],
    at: datetime,
) -> dict[str, Any]:
    """A brief of an account, as it is kept; `asked`: its title and focus, if any."""
    named = [current_tenant(), account, intent, at, at - LOOKBACK]
    found = Writes().ask(_READ, [*named, SAID, list(briefs.OPEN)])
    row = orjson.loads(found[0][0])
    return briefs.compose(_facts(row, action_type, asked, at))


def named(effects: Iterable[Effect]) -> list[dict[str, Any]]:
    """Kept briefs as they are shown: contacts by the names that they have now.

    What was quoted of somebody who was erased since is not shown any more.
    """
    held = [each.data for each in effects]
    lines = _lines(held)
    people = Contact.objects.filter(
        tenant_id=current_tenant(),
        pk__in=_cited(lines, "contact"),
        erased_at__isnull=True,
    )
    names = {str(id_): name for id_, name in people.values_list("id", "name")}
    gone = _gone(lines)
    return [_shown(data, names, gone) for data in held]


def unquoted(effects: Iterable[Effect]) -> list[dict[str, Any]]:
    """Kept briefs, without what was quoted of interactions that have no words any more."""
    held = [each.data for each in effects]
    gone = _gone(_lines(held))
    return [_shown(data, {}, gone) for data in held]


def _lines(held: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [line for data in held for line in data.get("lines", ())]


def _gone(lines: Iterable[Mapping[str, Any]]) -> set[str]:
    """The interactions that lines quote and that were silenced since."""
    silent = Interaction.objects.filter(
        tenant_id=current_tenant(),
        pk__in=_cited((each for each in lines if "“" in each["text"]), "interaction"),
        subject="",
        text="",
    )
    return {str(id_) for id_ in silent.values_list("id", flat=True)}


def _shown(
    data: Mapping[str, Any], names: Mapping[str, str], gone: set[str]
) -> dict[str, Any]:
    if "lines" not in data:
        return dict(data)
    lines = [{**each, "text": _line(each, names, gone)} for each in data["lines"]]
    shown = {**data, "lines": lines}
    return {**shown, "text": briefs.text_of(shown)}


def _line(line: Mapping[str, Any], names: Mapping[str, str], gone: set[str]) -> str:
    text: str = line["text"]
    sources = line["sources"]
    if text.startswith(briefs.CONTACT):
        name = names.get(sources[0]["id"], briefs.CONTACT) if sources else ""
        return text.replace(briefs.CONTACT, name or briefs.CONTACT, 1)
    if "“" in text and gone & {each["id"] for each in sources}:
        return f"{text[: text.index('“')]}{GONE}."
    return text


def _cited(lines: Iterable[Mapping[str, Any]], kind: str) -> set[str]:
    return {
        each["id"] for line in lines for each in line["sources"] if each["kind"] == kind
    }


def _facts(
    row: Mapping[str, Any], action_type: str, asked: Mapping[str, Any], at: datetime
) -> Facts:
    account = row["account"]
    kept = Heat(
        score=account["score"],
        tier=Tier(account["tier"]),
        at=_moment(account["at"]),
    )
    heat = cooled(kept, now=at)
    people = [each for each in row["people"] if not each["erased"]]
    return Facts(
        at=at,
        action_type=action_type,
        title=_text(asked.get("title")),
        focus=_text(asked.get("focus")),
        lifecycle=account["lifecycle"],
        tier=heat.tier.value,
        score=heat.score,
        owned=account["owned"],
        engaged_at=_moment(account["engaged_at"]),
        deals=[_deal(each) for each in row["deals"]],
        people=[Someone(id=e["id"], opted_out=e["opted_out"]) for e in people],
        met=[_met(each) for each in row["met"]],
        heard=[_heard(each) for each in row["heard"]],
        before=[
            Before(**{**each, "starts": date.fromisoformat(each["starts"])})
            for each in row["before"]
        ],
        waiting=[_waiting(each) for each in row["waiting"]],
        known=[Known(name=name, value=value) for name, value in row["known"]],
        earlier=_earlier(row["earlier"]),
        names=names_of([(each["name"], each["email"]) for each in people]),
    )


def _deal(row: Mapping[str, Any]) -> Deal:
    renewal = row["renewal"] and date.fromisoformat(row["renewal"])
    return Deal(**{**row, "renewal": renewal})


def _met(row: Mapping[str, Any]) -> Met:
    people = tuple(map(str, row["people"]))
    return Met(**{**row, "at": _at(row["at"]), "people": people})


def _heard(row: Mapping[str, Any]) -> Heard:
    return Heard(
        id=row["id"],
        type=row["type"],
        at=_at(row["at"]),
        said=row["said"] or {},
        evidence=tuple(filter(_is_id, row["evidence"] or ())),
    )


def _waiting(row: Mapping[str, Any]) -> Waiting:
    until = _moment(row["until"])
    role = row["role"] or ""
    return Waiting(**{**row, "since": _at(row["since"]), "until": until, "role": role})


def _earlier(row: Mapping[str, Any] | None) -> Earlier | None:
    if row is None:
        return None
    return Earlier(id=row["id"], at=_at(row["at"]), state=row["state"] or {})


def _is_id(value: Any) -> bool:
    try:
        UUID(value)
    except (AttributeError, TypeError, ValueError):
        return False
    return True


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _moment(text: str | None) -> datetime | None:
    return _at(text) if text else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
