"""What a member wants to be told of by mail: read, and changed by themselves alone."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from autonomy.models import NoticeChoice
from autonomy.rules.notices import Topic
from ledger.record import Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.members import person_acting
from perception.models import Membership
from perception.rules.callers import Caller


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """`digest_only`: no mails besides the digest. `mail`: the topics that send one."""

    digest_only: bool = False
    mail: Collection[Topic] = field(default_factory=lambda: tuple(Topic))

    def stated(self) -> dict[str, object]:
        wanted = [each.value for each in Topic if each in self.mail]
        return {"digest_only": self.digest_only, "mail": wanted}


def chosen(caller: Caller) -> Chosen:
    """As the caller has it; without a choice, everything."""
    rows = NoticeChoice.objects.filter(tenant_id=current_tenant())
    row = rows.filter(member_id=caller.membership).first()
    if row is None:
        return Chosen()
    wanted = tuple(each for each in Topic if each.value not in row.muted)
    return Chosen(digest_only=row.digest_only, mail=wanted)


def choose(wanted: Chosen, *, by: Caller, now: datetime) -> Chosen:
    """Change what the caller is told of; what is on its way already is looked at again
    before it leaves.
    """
    # One after the other, so that each states what it changed.
    rows = Membership.objects.filter(tenant_id=current_tenant())
    rows.select_for_update(no_key=True).get(pk=by.membership)
    before = chosen(by)
    if before.stated() == wanted.stated():
        return before
    NoticeChoice.objects.update_or_create(
        tenant_id=current_tenant(),
        member_id=by.membership,
        defaults={
            "digest_only": wanted.digest_only,
            "muted": [each.value for each in Topic if each not in wanted.mail],
            "updated_at": now,
        },
    )
    record(
        Fact(
            kind=Kind.SETTING_CHANGED,
            by=person_acting(by),
            subjects={"member": by.membership},
            data={"before": before.stated(), "after": wanted.stated()},
        ),
        now=now,
    )
    return wanted
