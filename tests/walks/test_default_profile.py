"""A5: no message to a customer ever leaves in the default profile, whatever a week brings."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from autonomy import decisions, digests, entering, pipeline
from autonomy.models import Approval, Effect, Execution, Intent, PolicyData, Run
from autonomy.pacing import change_decision_budget, change_trigger
from autonomy.rules.catalogue import CORE
from autonomy.rules.contact import CAPS
from autonomy.rules.runs import Stage
from ledger.clock import clock
from ledger.record import SYSTEM
from ledger.scope import tenant_scope
from perception.intake import receive
from perception.models import Contact, Tenant
from perception.rules.roles import Role
from perception.rules.signals import REGISTRY
from tests.autonomy.conftest import Desk, desk, make_desk
from tests.autonomy.tools.peer import due
from tests.autonomy.tools.postboxes import Postbox, acting, config, postbox
from tests.walks.doors import FREE_DECISIONS, FREE_WINDOWS

__all__ = ["desk", "make_desk"]

DAYS = 7
REACHING = sorted(key for key, each in CORE.items() if each.traits.external_contact)
MAILING = sorted(key for key in REACHING if CORE[key].traits.tool == "mail.send")
# What makes a situation better or worse, as senders write it.
MOODS: tuple[dict[str, Any], ...] = (
    {},
    {
        "severity": "critical",
        "direction": "down",
        "to": "AT_RISK",
        "sentiment": "negative",
    },
    {
        "direction": "up",
        "to": "OK",
        "pattern": "buying_signal",
        "sentiment": "positive",
    },
)


@pytest.fixture
def box(settings: Any) -> Iterator[Postbox]:
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    with postbox() as made:
        # The house's own mails go the same way: what it tells its people.
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", made.port
        settings.EMAIL_TIMEOUT = 60
        settings.DIGESTS_BY_MAIL = True
        yield made


def free(desk: Desk, *, is_wide: bool) -> None:
    """Nothing is put off; where it is wide, all that a tenant may set lets acts run."""
    with tenant_scope(desk.tenant):
        change_trigger("SIGNAL_ARRIVED", FREE_WINDOWS, by=desk.admin, now=clock())
        change_trigger("PATTERN_DETECTED", FREE_WINDOWS, by=desk.admin, now=clock())
        change_decision_budget(FREE_DECISIONS, by=desk.admin, now=clock())
        if is_wide:
            held = {
                "allowlist": sorted(CORE),
                "min_confidence": {"default": 0.0},
                "amount_caps": {},
                "hours": {},
            }
            PolicyData.objects.create(
                tenant_id=desk.tenant, data=held, saved_at=clock()
            )
            caps = dict.fromkeys(CAPS, 100_000)
            Tenant.objects.filter(pk=desk.tenant).update(contact_caps=caps)
    desk.budget(100_000)


def day(desk: Desk, number: int) -> None:
    """What one day brings: every known type in each mood, agents who want to write."""
    with tenant_scope(desk.tenant):
        at = clock() - timedelta(days=DAYS - number)
        items = [
            {
                "account": "acme",
                "type": each.key,
                "occurred_at": at,
                "dedupe_key": f"{each.key} {number} {mood}",
                "payload": {**each.example, **MOODS[mood]},
            }
            for each in REGISTRY.values()
            for mood in {0, 1 + number % 2}
        ]
        received = receive(items, by=SYSTEM, now=clock())
        assert not any(each.duplicate for each in received)
        ann = Contact.objects.get(external_id="c1")
    entering.enter(desk.tenant)
    walk(desk)
    for key in REACHING:
        desk.propose(key, contact=str(ann.id), confidence=1.0)
    act(desk)


def walk(desk: Desk) -> None:
    """All runs, through all stages."""
    with tenant_scope(desk.tenant):
        runs = list(Run.objects.filter(status="RECEIVED").values_list("id", flat=True))
    for run in runs:
        pipeline.walk(run, Stage.TRIGGER, tenant=desk.tenant, may=lambda _: True)


def act(desk: Desk) -> None:
    """Whatever is approved, once every hold is over."""
    for id_ in approved(desk):
        due(desk, id_)
        pipeline.act(id_, tenant=desk.tenant)


def approved(desk: Desk) -> list[UUID]:
    with tenant_scope(desk.tenant):
        rows = Intent.objects.filter(status="APPROVED")
        return list(rows.values_list("id", flat=True))


@pytest.mark.parametrize(
    "is_wide", [False, True], ids=["as opened", "as wide as it goes"]
)
def test_no_message_to_a_customer_ever_leaves(
    desk: Desk, box: Postbox, is_wide: bool
) -> None:
    """A5: a week of everything, and each message is a draft, or waits for a person."""
    acting(desk, "smtp", config(box.port), "")
    free(desk, is_wide=is_wide)
    for number in range(DAYS):
        day(desk, number)
    assert box.sent == []
    with tenant_scope(desk.tenant):
        assert not Run.objects.exclude(status__in=["DONE", "SKIPPED"]).exists()
        assert not Execution.objects.filter(action_type__in=REACHING).exists()
        reached = Intent.objects.filter(action_type__in=REACHING)
        assert reached.filter(run_id__isnull=False).exists()
        assert set(reached.values_list("status", flat=True)) == {"AWAITING_APPROVAL"}
        assert reached.count() == Approval.objects.filter(
            intent__in=reached, status="PENDING"
        ).count()  # fmt: skip
        drafts = Effect.objects.filter(kind="draft").count()
        assert drafts == Execution.objects.filter(action_type="draft_email").count() > 0
        assert Execution.objects.filter(auto_executed=True).count() > DAYS
    _its_own_people_are_told(desk, box)
    _a_person_lets_one_out(desk, box)


def _its_own_people_are_told(desk: Desk, box: Postbox) -> None:
    """O3: the only mails are digests, to members who own accounts."""
    later = clock() + timedelta(days=2)
    assert digests.write_due(now=later, tenant=desk.tenant).count == 1
    assert digests.send_due(now=later, tenant=desk.tenant).count == 1
    (envelope,), (mail,) = box.sent, box.mails
    assert envelope.rcpt_tos == [f"seller@{desk.house.slug}.example"]
    assert mail["Message-ID"].startswith("<digest.")
    assert "ann@acme.example" not in envelope.content.decode()
    box.sent.clear()


def _a_person_lets_one_out(desk: Desk, box: Postbox) -> None:
    """The way is open: what a person says yes to leaves, and nothing else with it."""
    with tenant_scope(desk.tenant):
        waits = Approval.objects.filter(
            intent__action_type="send_email", intent__contact__isnull=False
        )
        asked = waits.order_by("-id")[0]
        decisions.approve(asked.id, by=desk.house.caller(Role.APPROVER))
    assert approved(desk) == [asked.intent_id]
    pipeline.act(asked.intent_id, tenant=desk.tenant)
    assert box.sent == []
    act(desk)
    (envelope,) = box.sent
    assert envelope.rcpt_tos == ["ann@acme.example"]


def test_what_reaches_customers_by_mail_is_all_of_it() -> None:
    """A2: the types that this law is about."""
    assert len(MAILING) >= 7
    assert {CORE[key].traits.tool for key in REACHING} == {
        "mail.send", "chat.send", "calendar.meeting",
    }  # fmt: skip
