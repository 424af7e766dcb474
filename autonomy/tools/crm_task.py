"""A task in the CRM, for the account."""

from collections.abc import Mapping
from typing import Any

from autonomy.tools.crm.acting import Makes
from autonomy.tools.crm.base import TASK


class CrmTask(Makes):
    """Makes a task. Taking it back removes it, where nobody has worked on it."""

    key = "crm.task"
    title = "A task in the CRM"
    noun = TASK
    takes: Mapping[str, Any] = {
        "type": "object",
        "required": ["title"],
        "properties": {
            "title": {"type": "string", "minLength": 1},
            "due": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
            "details": {"type": "string"},
        },
    }
