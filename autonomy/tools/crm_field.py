"""Fields of a deal in the CRM: forecast, price, discount, and what a tenant names."""

from collections.abc import Mapping
from typing import Any

from autonomy.rules.answers import Meaning
from autonomy.tools.base import Job, stopped
from autonomy.tools.crm.acting import Sets

# What each parameter is called as a field.
NAMES = {
    "category": "forecast",
    "amount": "amount",
    "close_date": "close_date",
    "percent": "discount",
}
# These are governed by what a type of action touches: no name in free text gets there,
# nor by what a CRM itself calls them.
GOVERNED = frozenset(
    {
        *("stage", "dealstage", "stagename", "state", "pipeline"),
        *("forecast", "forecastcategory", "forecastcategoryname"),
        *("hsforecastcategory", "hsmanualforecastcategory"),
        *("amount", "price", "discount", "percent", "closedate", "enddate"),
    }
)


class CrmField(Sets):
    """Sets fields of the deal. Taking it back writes what they held before."""

    key = "crm.field"
    title = "A field of the deal in the CRM"
    takes: Mapping[str, Any] = {
        "type": "object",
        "properties": {
            "category": {"type": "string", "minLength": 1},
            "amount": {"type": "number"},
            "close_date": {
                "type": "string",
                "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
            },
            "percent": {"type": "number"},
            "field": {"type": "string", "minLength": 1},
            "value": {"type": ["string", "number", "boolean"]},
        },
        "anyOf": [
            {"required": ["category"]},
            {"required": ["amount"]},
            {"required": ["percent"]},
            {"required": ["field", "value"]},
        ],
    }

    def wanted(self, job: Job) -> Mapping[str, Any]:
        given = job.parameters
        named = {NAMES[each]: given[each] for each in NAMES if each in given}
        if named:
            return named
        name = given["field"].strip()
        if "".join(filter(str.isalnum, name.casefold())) in GOVERNED:
            raise stopped(
                Meaning.REFUSED, f"{name} is changed by an action of its own type."
            )
        return {name: given["value"]}
