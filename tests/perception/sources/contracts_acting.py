"""What HubSpot and Salesforce document of the few requests that change something."""

from collections.abc import Mapping
from typing import Any

from tests.perception.sources.contracts import (
    HUBSPOT,
    HUBSPOT_ALWAYS,
    HUBSPOT_ERROR,
    INPUTS,
    OBJECT,
    SALESFORCE,
    SALESFORCE_ALWAYS,
    SALESFORCE_ERROR,
    TEXT,
    WORDS,
    Shape,
    made,
    some,
)

NOTHING: Mapping[str, Any] = {"type": "null"}
# Values are texts, and an empty one clears.
PROPERTIES = {"type": "object", "additionalProperties": TEXT, "minProperties": 1}
HANGING = made(
    to=some(id=TEXT),
    types={
        "type": "array",
        "minItems": 1,
        "items": made(
            associationCategory={"enum": ["HUBSPOT_DEFINED", "USER_DEFINED"]},
            associationTypeId={"type": "integer"},
        ),
    },
)
ONWARD = {**INPUTS, "items": some(id=TEXT, after=TEXT)}
A_NOTE = {
    "id": "512",
    "properties": {
        "createdate": "2019-10-30T03:30:17.883Z",
        "hs_lastmodifieddate": "2019-12-07T16:50:06.678Z",
        "hs_note_body": "Spoke with decision maker john",
        "hs_timestamp": "2019-10-30T03:30:17.883Z",
        "hubspot_owner_id": "11349275740",
    },
    "createdAt": "2019-10-30T03:30:17.883Z",
    "updatedAt": "2019-12-07T16:50:06.678Z",
    "archived": False,
}
ONE = r"/crm/v3/objects/(deals|companies|notes|tasks)/[0-9A-Za-z-]+"
HUBSPOT_ACTING: Mapping[str, Shape] = {
    **HUBSPOT,
    "create": Shape(
        method="POST",
        path=r"/crm/v3/objects/(notes|tasks)",
        takes={
            **some(
                properties={
                    **PROPERTIES,
                    # It says where on the record's timeline this is, or when it is due.
                    "required": ["hs_timestamp"],
                    "properties": {
                        "hs_note_body": {"type": "string", "maxLength": 65536}
                    },
                },
                associations={"type": "array", "items": HANGING},
            ),
            "required": ["properties"],
        },
        answers={201: OBJECT, 400: HUBSPOT_ERROR, 409: HUBSPOT_ERROR},
        example=A_NOTE,
        shown=201,
    ),
    "get": Shape(
        method="GET",
        path=ONE,
        takes=some(properties=TEXT, idProperty=TEXT),
        answers={200: OBJECT, 404: HUBSPOT_ERROR},
        example=A_NOTE,
    ),
    "update": Shape(
        method="PATCH",
        path=ONE,
        takes={**some(properties=PROPERTIES), "required": ["properties"]},
        answers={200: OBJECT, 400: HUBSPOT_ERROR, 404: HUBSPOT_ERROR},
        example=A_NOTE,
    ),
    "archive": Shape(
        method="DELETE",
        path=ONE,
        takes=NOTHING,
        answers={204: NOTHING, 404: HUBSPOT_ERROR},
        example=None,
        shown=204,
    ),
    "hanging": Shape(
        method="POST",
        path=r"/crm/v4/associations/(deals|companies)/(notes|tasks)/batch/read",
        takes={**some(inputs=ONWARD), "required": ["inputs"]},
        answers=HUBSPOT["associations"].answers,
        example={
            **HUBSPOT["associations"].example,
            "results": [
                {
                    **HUBSPOT["associations"].example["results"][0],
                    "paging": {
                        "next": {"after": "NTI1Cg%3D%3D", "link": "?after=NTI1"}
                    },
                }
            ],
        },
    ),
    "several": Shape(
        method="POST",
        path=r"/crm/v3/objects/(notes|tasks)/batch/read",
        takes=some(properties=WORDS, inputs={**INPUTS, "maxItems": 100}),
        answers=HUBSPOT["read"].answers,
        example={"status": "COMPLETE", "results": [A_NOTE]},
    ),
}
LOCKED = {
    "status": "error",
    "message": "Locked: wait two seconds.",
    "category": "LOCKED",
}
HUBSPOT_ACTING_ALWAYS: Mapping[int, Mapping[str, Any]] = {
    **HUBSPOT_ALWAYS,
    423: HUBSPOT_ERROR,
    477: HUBSPOT_ERROR,
    502: HUBSPOT_ERROR,
    504: HUBSPOT_ERROR,
}

SAVED = made(id=TEXT, errors={"type": "array"}, success={"const": True})
VALUES = {"type": "object", "minProperties": 1}
TASK = {
    **VALUES,
    "propertyNames": {
        # Longer texts are cut there, and others are not fields that can be set.
        "pattern": "^(Subject|Description|Status|Priority|ActivityDate|WhatId|[A-Za-z]+__c)$"
    },
    "properties": {
        "Subject": {"type": "string", "maxLength": 255},
        "Description": {"type": "string", "maxLength": 32000},
        "ActivityDate": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"},
    },
}
RECORD_PATH = (
    r"/services/data/v\d+\.0/sobjects/(Opportunity|Account)/[0-9A-Za-z]{15,18}"
)
SALESFORCE_ACTING: Mapping[str, Shape] = {
    **SALESFORCE,
    "create": Shape(
        method="POST",
        path=r"/services/data/v\d+\.0/sobjects/Task",
        takes=TASK,
        answers={201: SAVED},
        example={"id": "00TD000000IFw4JIAT", "errors": [], "success": True},
        shown=201,
    ),
    "upsert": Shape(
        method="PATCH",
        path=r"/services/data/v\d+\.0/sobjects/Task/[A-Za-z]+__c/[0-9A-Za-z-]+",
        takes=TASK,
        answers={
            201: {**SAVED, "required": ["id", "errors", "success", "created"]},
            200: {**SAVED, "required": ["id", "errors", "success", "created"]},
            300: {"type": "array", "items": TEXT},
        },
        example={
            "id": "00190000001pPvHAAU",
            "errors": [],
            "success": True,
            "created": True,
        },
        shown=201,
    ),
    "delete": Shape(
        method="DELETE",
        path=r"/services/data/v\d+\.0/sobjects/Task/[0-9A-Za-z]{15,18}",
        takes=NOTHING,
        answers={204: NOTHING},
        example=None,
        shown=204,
    ),
    "get": Shape(
        method="GET",
        path=RECORD_PATH,
        takes=some(fields=TEXT),
        answers={200: made(attributes=made(type=TEXT, url=TEXT))},
        example={
            "attributes": {
                "type": "Account",
                "url": "/services/data/v63.0/sobjects/Account/001D000000INjVe",
            },
            "AccountNumber": "CD656092",
            "BillingPostalCode": "27215",
        },
    ),
    "update": Shape(
        method="PATCH",
        path=RECORD_PATH,
        takes=VALUES,
        # What the headers ask for does not hold: it is not processed.
        answers={204: NOTHING, 412: {"anyOf": [NOTHING, SALESFORCE_ERROR]}},
        example=None,
        shown=204,
    ),
}
ACTING = (
    (HUBSPOT_ACTING, HUBSPOT_ACTING_ALWAYS),
    (SALESFORCE_ACTING, SALESFORCE_ALWAYS),
)
