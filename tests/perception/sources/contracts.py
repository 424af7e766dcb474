"""What HubSpot and Salesforce document of the few requests that are made: a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TEXT = {"type": "string"}
WORDS = {"type": "array", "items": TEXT}


def made(**properties: Any) -> dict[str, Any]:
    """An object with all of these."""
    return {"type": "object", "required": list(properties), "properties": properties}


def some(**properties: Any) -> dict[str, Any]:
    """An object with nothing but some of these."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


OBJECT = made(id=TEXT, properties={"type": "object"}, createdAt=TEXT, updatedAt=TEXT)
PAGING = {"paging": made(next=made(after=TEXT))}
INPUTS = {"type": "array", "maxItems": 1000, "items": some(id=TEXT)}
HUBSPOT_ERROR = made(status={"const": "error"}, message=TEXT)
SALESFORCE_ERROR = {
    "type": "array",
    "minItems": 1,
    "items": made(errorCode=TEXT, message=TEXT),
}
FILTER = some(propertyName=TEXT, operator={"enum": ["GTE", "LT", "EQ"]}, value=TEXT)
RECORD = made(attributes=made(type=TEXT, url=TEXT), Id=TEXT)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One documented request: what it takes, and what it answers by status."""

    method: str
    path: str
    takes: Mapping[str, Any]
    answers: Mapping[int, Mapping[str, Any]]
    # As the reference shows it, and under which status.
    example: Any
    shown: int = 200


HUBSPOT: Mapping[str, Shape] = {
    "search": Shape(
        method="POST",
        path=r"/crm/v3/objects/(deals|companies|notes)/search",
        takes=some(
            filterGroups={
                "type": "array",
                "maxItems": 5,
                "items": some(
                    filters={"type": "array", "maxItems": 6, "items": FILTER}
                ),
            },
            sorts={
                "type": "array",
                "maxItems": 1,
                "items": some(
                    propertyName=TEXT, direction={"enum": ["ASCENDING", "DESCENDING"]}
                ),
            },
            properties=WORDS,
            limit={"type": "integer", "maximum": 200},
            after=TEXT,
        ),
        answers={
            200: {
                **made(
                    total={"type": "integer"},
                    results={"type": "array", "items": OBJECT},
                ),
                "properties": {"results": {"type": "array", "items": OBJECT}, **PAGING},
            },
            400: HUBSPOT_ERROR,
        },
        example={
            "total": 1,
            "results": [
                {
                    "id": "512",
                    "properties": {
                        "dealname": "Big",
                        "hs_lastmodifieddate": "2019-12-07T16:50:06.678Z",
                    },
                    "createdAt": "2019-10-30T03:30:17.883Z",
                    "updatedAt": "2019-12-07T16:50:06.678Z",
                    "archived": False,
                }
            ],
            "paging": {
                "next": {"after": "NTI1Cg%3D%3D", "link": "?after=NTI1Cg%3D%3D"}
            },
        },
    ),
    "associations": Shape(
        method="POST",
        path=r"/crm/v4/associations/(deals|notes)/companies/batch/read",
        takes=some(inputs=INPUTS),
        answers={
            status: made(
                results={
                    "type": "array",
                    "items": made(
                        **{"from": made(id=TEXT)},
                        to={
                            "type": "array",
                            "items": made(
                                toObjectId={}, associationTypes={"type": "array"}
                            ),
                        },
                    ),
                }
            )
            for status in (200, 207)
        },
        example={
            "status": "COMPLETE",
            "results": [
                {
                    "from": {"id": "53628"},
                    "to": [
                        {
                            "toObjectId": "12726",
                            "associationTypes": [
                                {
                                    "category": "HUBSPOT_DEFINED",
                                    "typeId": 5,
                                    "label": "Primary",
                                }
                            ],
                        }
                    ],
                }
            ],
            "startedAt": "2023-11-07T05:31:56Z",
            "completedAt": "2023-11-07T05:31:56Z",
        },
    ),
    "read": Shape(
        method="POST",
        path=r"/crm/v3/objects/companies/batch/read",
        takes=some(properties=WORDS, inputs={**INPUTS, "maxItems": 100}),
        answers={200: made(results={"type": "array", "items": OBJECT})},
        example={"status": "COMPLETE", "results": []},
    ),
}
# Any request may be answered so; the window of a policy is in its name.
HUBSPOT_ALWAYS: Mapping[int, Mapping[str, Any]] = {
    401: HUBSPOT_ERROR,
    403: HUBSPOT_ERROR,
    429: {
        **made(
            status={}, message=TEXT, errorType={"const": "RATE_LIMIT"}, policyName=TEXT
        )
    },
}
LIMITED = {
    "status": "error",
    "message": "You have reached your ten_secondly_rolling limit.",
    "errorType": "RATE_LIMIT",
    "correlationId": "c93e06a4-7d61-4c3e-b63f-edf486fc6e90",
    "policyName": "TEN_SECONDLY_ROLLING",
}
SALESFORCE: Mapping[str, Shape] = {
    "token": Shape(
        method="POST",
        path=r"/services/oauth2/token",
        takes={
            **some(
                grant_type={"enum": ["client_credentials", "refresh_token"]},
                client_id=TEXT,
                client_secret=TEXT,
                refresh_token=TEXT,
            ),
            "required": ["grant_type", "client_id"],
        },
        answers={
            200: made(
                access_token=TEXT,
                instance_url=TEXT,
                token_type={"const": "Bearer"},
                issued_at=TEXT,
            ),
            400: made(error=TEXT, error_description=TEXT),
        },
        example={
            "access_token": "00D…!AR8",
            "instance_url": "https://acme.my.salesforce.com",
            "id": "https://login.salesforce.com/id/00Dx/005x",
            "token_type": "Bearer",
            "issued_at": "1278448384422",
            "signature": "CMJ4l",
        },
    ),
    "query": Shape(
        method="GET",
        path=r"/services/data/v\d+\.0/query",
        takes={**some(q=TEXT), "required": ["q"]},
        answers={
            200: made(
                totalSize={"type": "integer"},
                done={"type": "boolean"},
                records={"type": "array", "items": RECORD},
            ),
        },
        example={
            "totalSize": 3222,
            "done": False,
            "nextRecordsUrl": "/services/data/v60.0/query/01gRO0000016PIAYA2-500",
            "records": [
                {
                    "attributes": {
                        "type": "Contact",
                        "url": "/services/data/v60.0/sobjects/Contact/003RO0000035WQgYAM",
                    },
                    "Id": "003RO0000035WQgYAM",
                }
            ],
        },
    ),
}
SALESFORCE = {
    **SALESFORCE,
    "next": Shape(
        method="GET",
        path=r"/services/data/v\d+\.0/query/[0-9A-Za-z]+-\d+",
        takes=some(),
        answers=SALESFORCE["query"].answers,
        example={"done": True, "totalSize": 3214, "records": []},
    ),
}
SALESFORCE_ALWAYS: Mapping[int, Mapping[str, Any]] = dict.fromkeys(
    (400, 401, 403, 404, 503), SALESFORCE_ERROR
)
CONTRACTS = (
    (HUBSPOT, HUBSPOT_ALWAYS),
    (SALESFORCE, SALESFORCE_ALWAYS),
)
