"""The form that sets a goal: what is to be reached, from when to when, and by whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone

from autonomy.models import Goal
from autonomy.views.parts import spaced
from ledger.rules.ids import id_in
from perception.accounts import visible_to
from perception.models import Membership
from perception.rules.callers import Caller
from perception.rules.roles import Role

DAY = timedelta(days=1)
QUARTER = 90
YEARS = range(2000, 2200)
# Accounts and people that the form offers; the API takes any.
OFFERED = 500


@dataclass(frozen=True, kw_only=True)
class Whose:
    """For whom a goal can be set; keys are `all`, `member:…` and `account:…`."""

    people: Sequence[tuple[str, str]]
    accounts: Sequence[tuple[str, str]]


class GoalForm(forms.Form):
    """A goal as somebody sets it."""

    type = forms.ChoiceField(choices=[(key, spaced(key)) for key in Goal.Type.values])
    target = forms.DecimalField(
        max_digits=16, decimal_places=2, min_value=Decimal("0.01")
    )
    start = forms.DateField()
    end = forms.DateField()
    whose = forms.CharField(max_length=60)

    def __init__(self, caller: Caller, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.caller = caller

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        start, end = given.get("start"), given.get("end")
        for name, day in (("start", start), ("end", end)):
            if day is not None and day.year not in YEARS:
                self.add_error(name, "The year is out of reach.")
        if start is not None and end is not None and end <= start:
            self.add_error("end", "It must come after the start.")
        noun, _, id_ = given.get("whose", "").partition(":")
        if noun not in ("all", "member", "account") or (
            noun != "all" and not id_in(id_)
        ):
            self.add_error("whose", "Choose for whom it is.")
        return given

    def given(self) -> dict[str, Any]:
        """As `set_goal` takes it."""
        said = self.cleaned_data
        noun, _, id_ = said["whose"].partition(":")
        return {
            **{name: said[name] for name in ("type", "target", "start", "end")},
            "account": id_in(id_) if noun == "account" else None,
            "seller": id_in(id_) if noun == "member" else None,
        }


def begun(like: Goal | None) -> dict[str, Any]:
    """What the form begins with: as long as the other goal was, from today."""
    today, days = timezone.localdate(), QUARTER
    if like is None:
        return {"start": today, "end": today + days * DAY, "type": "activity"}
    days = max((like.end - like.start) // DAY, 1)
    whose = "all"
    if like.account_id:
        whose = f"account:{like.account_id}"
    elif like.seller_id:
        whose = f"member:{like.seller_id}"
    return {
        "type": like.type,
        "target": f"{like.target.normalize():f}",
        "start": today,
        "end": today + days * DAY,
        "whose": whose,
    }


def choices(caller: Caller) -> Whose:
    """For whom the caller may set one: sellers for themselves and their accounts."""
    rows = visible_to(caller).filter(closed_at__isnull=True).order_by("name", "id")
    accounts = [
        (f"account:{id_}", name)
        for id_, name in rows.values_list("id", "name")[:OFFERED]
    ]
    me = (f"member:{caller.membership}", "Me")
    if caller.role is Role.SELLER:
        return Whose(people=[me], accounts=accounts)
    members = Membership.objects.filter(
        tenant_id=caller.tenant,
        is_active=True,
        role__in=(Role.SELLER, Role.APPROVER, Role.ADMIN),
    ).exclude(pk=caller.membership)
    people = sorted(
        (
            (f"member:{each.pk}", str(each.person))
            for each in members.select_related("person")[:OFFERED]
        ),
        key=lambda pair: pair[1].casefold(),
    )
    return Whose(people=[("all", "Everybody together"), me, *people], accounts=accounts)
