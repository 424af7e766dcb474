"""What notices are about, as it stands now: for whom they are, and what they say."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from autonomy.asking import authors_of
from autonomy.models import Approval, Digest, Notice, NoticeChoice, Run, SloAlert
from autonomy.rules.notice_words import Line, Seen, words
from autonomy.rules.notices import ALERTS, QUESTIONS, TOPIC_OF, About, Reader, Topic
from autonomy.rules.runs import RunStatus
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.models import Account, Membership
from perception.rules.roles import Role

# Who has the pages that explain switches, tools, runs and digests.
OVERSEERS = frozenset({Role.ADMIN, Role.AUDITOR})
SWITCHES = frozenset({Kind.SWITCH_ENGAGED, Kind.SWITCH_RELEASED})


@dataclass(frozen=True, kw_only=True)
class Told:
    """One notice with what it is about. `stands`: it is still worth telling."""

    row: Notice
    about: About
    seen: Seen
    stands: bool
    page: str = ""
    # Which of the admin's pages explains it, for those who have it.
    admin: str = ""

    @property
    def topic(self) -> Topic:
        return TOPIC_OF[self.row.kind]

    def line(self, reader: Reader) -> Line:
        """As its reader is told of it."""
        what, more = words(self.seen)
        url = self.page
        if self.admin and reader.role in OVERSEERS:
            url = self.admin
        return Line(
            topic=self.topic,
            what=what,
            where="" if self.row.kind in SWITCHES else self.seen.account,
            more=more,
            url=f"{settings.PUBLIC_URL}{url or reverse('home')}",
        )


def read(rows: Sequence[Notice], *, now: datetime, zone: tzinfo) -> dict[UUID, Told]:
    """All that is known of these notices, by their ids, in a fixed number of questions."""
    facts = _Facts(rows)
    told = (facts.told(row, now=now, zone=zone) for row in rows)
    return {each.row.id: each for each in told if each is not None}


def readers(members: Iterable[UUID] | None = None) -> dict[str, Reader]:
    """The tenant's members, or some of them, with what they want to be told of."""
    rows = Membership.objects.filter(tenant_id=current_tenant(), is_active=True)
    if members is not None:
        rows = rows.filter(pk__in=list(members))
    choices = {
        choice.member_id: choice
        for choice in NoticeChoice.objects.filter(tenant_id=current_tenant())
    }
    found = {}
    for row in rows.exclude(role=Role.INTEGRATION.value):
        choice = choices.get(row.id)
        found[str(row.id)] = Reader(
            id=str(row.id),
            role=Role(row.role),
            muted=tuple(choice.muted) if choice else (),
            digest_only=bool(choice and choice.digest_only),
        )
    return found


class _Facts:
    """The rows that notices are about, read at once."""

    def __init__(self, rows: Sequence[Notice]) -> None:
        kept = _by_id(
            Approval.objects.select_related("intent__replay", "account", "tenant"),
            [row.about for row in rows if row.kind in QUESTIONS],
        )
        self.approvals: Mapping[UUID, Approval] = kept
        parked = [row.about for row in rows if row.kind == Kind.RUN_PARKED]
        self.runs: Mapping[UUID, Run] = _by_id(Run.objects, parked)
        alerted = [row.about for row in rows if row.kind in ALERTS]
        self.alerts: Mapping[UUID, SloAlert] = _by_id(SloAlert.objects, alerted)
        missed = [row.about for row in rows if row.kind == Kind.DIGEST_FAILED]
        digests = Digest.objects.select_related("member__person")
        self.digests: Mapping[UUID, Digest] = _by_id(digests, missed)
        ids = {row.account_id for row in rows} | {_account_of(row) for row in rows}
        self.accounts: Mapping[UUID, Account] = _by_id(Account.objects, ids - {None})

    def told(self, row: Notice, *, now: datetime, zone: tzinfo) -> Told | None:
        """What one of them is about; nothing where that is not there."""
        if row.kind in QUESTIONS:
            return self._question(row, now, zone)
        if row.kind in SWITCHES:
            return self._switch(row)
        account = self.accounts.get(row.account_id) if row.account_id else None
        named = account.name if account else ""
        about = About(kind=row.kind, by=str(row.data.get("by", "")))
        if row.kind == Kind.RUN_PARKED:
            run = self.runs.get(row.about)
            stage = str(row.data.get("stage", ""))
            return Told(
                row=row,
                about=about,
                seen=Seen(kind=row.kind, account=named, stage=stage),
                stands=run is not None and run.status == RunStatus.PARKED,
                page=reverse("run-page", args=[row.about]),
            )
        if row.kind == Kind.DIGEST_FAILED:
            return self._digest(row, about)
        if row.kind in ALERTS:
            return self._alert(row, about)
        seen = Seen(kind=row.kind, account=named)
        page = reverse("account-page", args=[row.account_id]) if account else ""
        return Told(row=row, about=about, seen=seen, stands=True, page=page)

    def _question(self, row: Notice, now: datetime, zone: tzinfo) -> Told | None:
        asked = self.approvals.get(row.about)
        if asked is None:
            return None
        is_calm = asked.snoozed_until is None or asked.snoozed_until <= now
        return Told(
            row=row,
            about=About(
                kind=row.kind,
                requires_role=asked.requires_role,
                owner=str(asked.account.owner_id or ""),
                assigned=str(asked.assigned_to_id or ""),
                authors=frozenset(str(each) for each in authors_of(asked) if each),
                four_eyes=asked.tenant.four_eyes,
            ),
            seen=Seen(
                kind=row.kind,
                account=asked.account.name,
                action=asked.intent.action_type,
                until=asked.expires_at.astimezone(zone),
            ),
            stands=asked.status == Approval.Status.PENDING
            and asked.expires_at > now
            and asked.account.closed_at is None
            and is_calm,
            page=reverse("approval-page", args=[asked.pk]),
        )

    def _switch(self, row: Notice) -> Told:
        scope, target = str(row.data.get("scope", "")), str(row.data.get("target", ""))
        account = self.accounts.get(_account_of(row))  # type: ignore[arg-type]
        whom = str(account.owner_id or "") if account else target
        return Told(
            row=row,
            about=About(
                kind=row.kind, scope=scope, target=whom, by=str(row.data.get("by", ""))
            ),
            seen=Seen(
                kind=row.kind,
                account=account.name if account else "",
                scope=scope,
                target="" if scope == "account" else target,
                reason=str(row.data.get("reason", "")),
            ),
            stands=True,
        )

    def _alert(self, row: Notice, about: About) -> Told | None:
        alert = self.alerts.get(row.about)
        if alert is None:
            return None
        return Told(
            row=row,
            about=about,
            seen=Seen(kind=row.kind, tool=alert.tool, about=alert.about),
            stands=True,
            admin=reverse("admin:autonomy_sloalert_changelist"),
        )

    def _digest(self, row: Notice, about: About) -> Told | None:
        digest = self.digests.get(row.about)
        if digest is None:
            return None
        day = f"{digest.day.day} {digest.day:%b}"
        who = str(digest.member.person)
        return Told(
            row=row,
            about=about,
            seen=Seen(kind=row.kind, day=day, member=who, reason=digest.error),
            stands=digest.delivered_at is None,
            admin=reverse("admin:autonomy_digest_changelist"),
        )


def _by_id(rows: Any, ids: Iterable[Any]) -> dict[UUID, Any]:
    wanted = list(ids)
    if not wanted:
        return {}
    found = rows.filter(tenant_id=current_tenant(), pk__in=wanted)
    return {row.pk: row for row in found}


def _account_of(row: Notice) -> UUID | None:
    """The account that a switch is about."""
    if row.kind in SWITCHES and row.data.get("scope") == "account":
        return UUID(str(row.data["target"]))
    return None
