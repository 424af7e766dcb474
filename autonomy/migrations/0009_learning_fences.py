"""Fences around goals, rituals and what is learned; which of them are due."""

from django.db import migrations

from ledger.fences import append_only, fence, within_tenant

REFERENCES = {
    "autonomy_goal": {
        "account_id": "perception_account",
        "seller_id": "perception_membership",
        "set_by_id": "perception_membership",
    },
    "autonomy_told": {
        "ritual_id": "autonomy_ritual",
        "member_id": "perception_membership",
    },
    "autonomy_choice": {
        "intent_id": "autonomy_intent",
        "account_id": "perception_account",
    },
    "autonomy_ranking": {"moved_by_id": "perception_membership"},
    "autonomy_suggestion": {"decided_by_id": "perception_membership"},
}

TABLES = [
    "autonomy_goal",
    "autonomy_ritual",
    "autonomy_told",
    "autonomy_choice",
    "autonomy_ranking",
    "autonomy_suggestion",
]


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0008_courses")]

    operations = [
        *[
            within_tenant(table, column, to)
            for table, columns in REFERENCES.items()
            for column, to in columns.items()
        ],
        *[fence(table) for table in TABLES],
        append_only("autonomy_choice"),
    ]
