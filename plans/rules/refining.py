"""R8: what a model may change about a draft: leave steps out, reword, be less sure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from autonomy.rules.proposals import Draft, Refused
from plans.rules.proposals import Outline, Outlined, without

# What the schema of a parameter may say, where its words are free.
FREE = frozenset({"type", "minLength", "maxLength"})
# Parameters that are words for somebody to read, and nothing that a tool goes by.
WORDS = frozenset(
    {
        "title", "focus", "agenda", "subject", "body", "text", "details", "reason",
        "summary",
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Refined:
    """A draft after a model spoke, the model's reasons, and what of it was refused."""

    outline: Outline
    kept: tuple[Draft, ...] = ()
    refused: tuple[Refused, ...] = ()


def offered(outline: Outline) -> list[str]:
    """The action types that a model may name, each once."""
    return list(dict.fromkeys(each.action_type for each in outline.steps))


def described(outline: Outline, *, plan_type: str) -> dict[str, Any]:
    """A draft as a model is shown it: no names, and nothing that strangers wrote."""
    return {
        "plan_type": plan_type,
        "objective": outline.objective,
        "task": "Name the optional steps that help; those that you do not name are "
        "left out. Required steps stay. You may put the texts of a step that you name "
        "in other words; everything else stays as it is.",
        "steps": [
            {
                "action_type": each.action_type,
                "required": each.required,
                "parameters": dict(each.parameters),
            }
            for each in outline.steps
        ],
    }


def refine(
    outline: Outline, said: Sequence[Draft], schemas: Mapping[str, Any]
) -> Refined:
    """Hold what a model said against the draft; where nothing of it holds, all stays."""
    changed: dict[str, Outlined] = {}
    kept: list[Draft] = []
    refused: list[Refused] = []
    for draft in said:
        step = _next(outline, draft.action_type, changed)
        found = _checked(step, draft, schemas.get(draft.action_type, {}))
        if isinstance(found, Refused):
            refused.append(found)
        else:
            kept.append(draft)
            changed[found.key] = found
    if not kept:
        return Refined(outline=outline, refused=tuple(refused))
    steps = tuple(changed.get(each.key, each) for each in outline.steps)
    left_out = {each.key for each in steps} - set(changed)
    return Refined(
        outline=without(replace(outline, steps=steps), left_out),
        kept=tuple(kept),
        refused=tuple(refused),
    )


def _next(
    outline: Outline, action_type: str, taken: Mapping[str, Outlined]
) -> Outlined | None:
    """The first step of a type that was not named yet."""
    found = (
        each
        for each in outline.steps
        if each.action_type == action_type and each.key not in taken
    )
    return next(found, None)


def _checked(
    step: Outlined | None, draft: Draft, schema: Mapping[str, Any]
) -> Outlined | Refused:
    """The step in a model's words: only those that are free may change."""
    key = draft.action_type
    if step is None or not draft.parameters.keys() <= step.parameters.keys():
        said = "the plan has no such step, or it has no such parameter"
        return Refused(code="OUTSIDE_TEMPLATE", action_type=key, detail=said)
    forms = schema.get("properties", {})
    for name, value in draft.parameters.items():
        if value != step.parameters[name] and not _is_free(name, value, forms):
            said = "a parameter that is no free text"
            return Refused(code="FIXED_PARAMETER", action_type=key, detail=said)
    return replace(
        step,
        parameters={**step.parameters, **draft.parameters},
        confidence=min(step.confidence, draft.confidence),
    )


def _is_free(name: str, value: object, forms: Mapping[str, Any]) -> bool:
    form = forms.get(name, {})
    if name not in WORDS or form.get("type") != "string" or not form.keys() <= FREE:
        return False
    return isinstance(value, str) and bool(value.strip())
