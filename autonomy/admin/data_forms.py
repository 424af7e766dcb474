"""The form of policy data: lists and numbers, field by field."""

import math
from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from autonomy import policies
from autonomy.admin.words import spaced, type_choices
from autonomy.models import PolicyData
from autonomy.opa import OpaPolicy

CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _number(**more: Any) -> forms.FloatField:
    widget = UnfoldAdminDecimalFieldWidget(attrs={"step": "any"})
    return forms.FloatField(min_value=0, widget=widget, **more)


class Numbers(forms.CharField):
    """Lines of `type: number`."""

    def __init__(self, *, most: float = math.inf, **more: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 4, "class": "gv-code"})
        super().__init__(required=False, strip=False, widget=widget, **more)
        self.most = most

    def clean(self, value: Any) -> Any:
        lines = super().clean(value).splitlines()
        found: dict[str, float] = {}
        for place, line in enumerate(lines, 1):
            if line.strip():
                key, number = self._read(place, line)
                found[key] = number
        return found

    def _read(self, place: int, line: str) -> tuple[str, float]:
        key, colon, text = line.partition(":")
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        is_number = math.isfinite(number) and 0 <= number <= self.most
        if not colon or not is_number:
            range_ = "of 0 or more" if self.most == math.inf else f"0 to {self.most:g}"
            raise forms.ValidationError(
                f"Line {place}: write a type and a number {range_}, as draft_email: 0.8"
            )
        return key.strip(), number


class DataForm(forms.ModelForm):  # type: ignore[type-arg]
    """What the policy is asked with."""

    allowlist = forms.MultipleChoiceField(
        label="Allowlist",
        required=False,
        help_text="What may run alone at all; every other layer still has its say.",
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    minimum = _number(
        label="Least confidence",
        max_value=1,
        help_text="From 0 to 1, inclusive. Below it, a person decides.",
    )
    minimums = Numbers(
        label="Least confidence by type",
        most=1,
        help_text="One line each, as draft_email: 0.8",
    )
    cap = _number(
        label="Cap of amounts",
        required=False,
        help_text="Above it, a person decides. Empty: there is none.",
    )
    caps = Numbers(
        label="Cap of amounts by type",
        help_text="One line each, as send_proposal: 5000",
    )
    start = forms.RegexField(
        CLOCK,
        label="Hours from",
        required=False,
        help_text="As 08:00, in the tenant's time zone. Empty: at any hour.",
        widget=UnfoldAdminTextInputWidget,
    )
    end = forms.RegexField(
        CLOCK, label="Hours until", required=False, widget=UnfoldAdminTextInputWidget
    )
    days = forms.TypedMultipleChoiceField(
        label="On these days",
        choices=list(enumerate(DAYS)),
        coerce=int,
        required=False,
        help_text="None chosen: every day.",
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    server = forms.CharField(
        label="Policy server",
        required=False,
        max_length=500,
        help_text="As https://opa.example: an OPA server that judges in place of the "
        "bundle. Empty: there is none.",
        widget=UnfoldAdminTextInputWidget,
    )
    server_path = forms.CharField(
        label="Its path",
        required=False,
        max_length=500,
        help_text="Empty: the usual one.",
        widget=UnfoldAdminTextInputWidget,
    )

    class Meta:
        model = PolicyData
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = policies.data_in_force()
        groups: list[Any] = list(type_choices())
        known = {key for _, choices in groups for key, _ in choices}
        others = [key for key in held["allowlist"] if key not in known]
        if others:
            groups.append(("No longer known", [(key, spaced(key)) for key in others]))
        self.fields["allowlist"].choices = groups  # type: ignore[attr-defined]
        self.known = known
        self.initial.update(_initial(held))

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        self._check_hours(given)
        self._check_server(given)
        for name in ("minimums", "caps"):
            unknown = [key for key in given.get(name, {}) if key not in self.known]
            if unknown:
                self.add_error(name, f"There is no action type {unknown[0]}.")
        if not self.errors and self.data_wanted() == policies.data_in_force():
            raise forms.ValidationError("This is what is in force already.")
        return given

    def data_wanted(self) -> dict[str, Any]:
        """A valid form as the verb takes it."""
        given = self.cleaned_data
        cap = {} if given["cap"] is None else {"default": given["cap"]}
        return {
            "allowlist": _in_order(given["allowlist"]),
            "min_confidence": {"default": given["minimum"], **given["minimums"]},
            "amount_caps": {**cap, **given["caps"]},
            "hours": _hours(given),
            **_server(given),
        }

    def _check_server(self, given: Mapping[str, Any]) -> None:
        named = _server(given).get("opa")
        if named is None:
            if given.get("server_path"):
                self.add_error("server", "A path needs a server.")
            return
        try:
            OpaPolicy(**named)
        except ValueError as error:
            self.add_error("server", str(error))

    def _check_hours(self, given: Mapping[str, Any]) -> None:
        start, end = given.get("start"), given.get("end")
        if {"start", "end"} & set(self.errors):
            return
        if bool(start) != bool(end):
            self.add_error("end", "Give both, or neither.")
        elif start and end and start >= end:
            self.add_error("end", "It must be after the start.")
        elif given.get("days") and not start:
            self.add_error("start", "Days need hours: 00:00 to 23:59 is all day.")


def _in_order(chosen: list[str]) -> list[str]:
    """As they stand in force, the new ones after: the same choice is no change."""
    held = policies.data_in_force()["allowlist"]
    kept = [key for key in held if key in chosen]
    return [*kept, *(key for key in chosen if key not in held)]


def _hours(given: Mapping[str, Any]) -> dict[str, Any]:
    if not given["start"]:
        return {}
    days = {"days": sorted(given["days"])} if given["days"] else {}
    return {"start": given["start"], "end": given["end"], **days}


def _server(given: Mapping[str, Any]) -> dict[str, Any]:
    if not given.get("server"):
        return {}
    path = {"path": given["server_path"]} if given.get("server_path") else {}
    return {"opa": {"url": given["server"], **path}}


def _initial(held: Mapping[str, Any]) -> dict[str, Any]:
    minimums, caps = dict(held["min_confidence"]), dict(held["amount_caps"])
    hours, server = held["hours"], held.get("opa") or {}
    return {
        "server": server.get("url", ""),
        "server_path": server.get("path", ""),
        "allowlist": held["allowlist"],
        "minimum": minimums.pop("default", None),
        "cap": caps.pop("default", None),
        "minimums": _lines(minimums),
        "caps": _lines(caps),
        "start": hours.get("start", ""),
        "end": hours.get("end", ""),
        "days": hours.get("days", []),
    }


def _lines(numbers: Mapping[str, float]) -> str:
    return "\n".join(f"{key}: {number:g}" for key, number in numbers.items())
