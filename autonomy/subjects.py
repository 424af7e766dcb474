"""What a fact about an intent is about: its account, its run, the step that it is."""

from uuid import UUID

from autonomy.models import Intent


def subjects_of(intent: Intent) -> dict[str, UUID]:
    """The subjects of every fact about an intent, from its row alone."""
    named = {
        "run": intent.run_id,
        "plan": intent.plan_id,
        "step": intent.step_id,
    }
    also = {noun: id_ for noun, id_ in named.items() if id_ is not None}
    return {"account": intent.account_id, "intent": intent.id, **also}
