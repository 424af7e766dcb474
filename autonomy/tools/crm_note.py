"""A note in the CRM, on the deal, or on the account where no deal is named."""

from collections.abc import Mapping
from typing import Any

from autonomy.tools.crm.acting import Makes
from autonomy.tools.crm.base import NOTE


class CrmNote(Makes):
    """Writes a note. Taking it back removes it, where nobody has changed it."""

    key = "crm.note"
    title = "A note in the CRM"
    noun = NOTE
    takes: Mapping[str, Any] = {
        "type": "object",
        "required": ["text"],
        "properties": {"text": {"type": "string", "minLength": 1}},
    }
