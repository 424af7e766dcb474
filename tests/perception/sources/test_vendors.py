"""The table of what vendors document holds for its own examples, and for their stand-ins."""

from typing import Any

import pytest

from tests.perception.sources.contracts import (
    CONTRACTS,
    HUBSPOT,
    HUBSPOT_ALWAYS,
    LIMITED,
    Shape,
)
from tests.perception.sources.contracts_acting import ACTING
from tests.perception.sources.vendors import Vendor, faults

SHAPES = [
    (name, shape)
    for shapes, _ in (*CONTRACTS, *ACTING)
    for name, shape in shapes.items()
]


@pytest.mark.parametrize(("name", "shape"), SHAPES, ids=[name for name, _ in SHAPES])
def test_the_examples_of_the_references_fit(name: str, shape: Shape) -> None:
    """P9: what the vendor shows passes; less than that does not."""
    schema = shape.answers[shape.shown]
    assert not faults(schema, shape.example)
    for missing in schema.get("required", ()):
        less = {key: value for key, value in shape.example.items() if key != missing}
        assert faults(schema, less)


def test_limits_fit() -> None:
    assert not faults(HUBSPOT_ALWAYS[429], LIMITED)
    assert faults(HUBSPOT_ALWAYS[429], {**LIMITED, "policyName": None})


def test_a_stand_in_keeps_what_nobody_documents() -> None:
    """P9: a stand-in that bends the vendor's shapes is found out."""
    said: Any = {"results": []}
    vendor = Vendor(shapes=HUBSPOT, always=HUBSPOT_ALWAYS, act=lambda *_: (200, said))
    json_ = {"Content-Type": "application/json"}
    vendor.answer("POST", "/crm/v3/objects/deals/search", b'{"limit": 900}', json_)
    vendor.answer("GET", "/crm/v3/objects/deals", b"", {})
    assert len(vendor.broken) == 3
