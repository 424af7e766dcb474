"""The roles that a person, or a program, can have in a tenant."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """What a membership may do; the matrix of roles and routes says it in full."""

    SELLER = "SELLER"
    APPROVER = "APPROVER"
    ADMIN = "ADMIN"
    AUDITOR = "AUDITOR"
    INTEGRATION = "INTEGRATION"


def sees_all_accounts(role: Role) -> bool:
    """Sellers see the accounts they own; integrations see none."""
    return role in (Role.APPROVER, Role.ADMIN, Role.AUDITOR)


def may_change_accounts(role: Role, what: Collection[str]) -> bool:
    """Admins change everything about accounts; approvers whom they belong to."""
    if role is Role.APPROVER:
        return set(what) <= {"owner"}
    return role is Role.ADMIN


def may_change_contact(
    role: Role, given: Mapping[str, Any], *, is_new: bool = False
) -> bool:
    """Admins add and change people; sellers and approvers note who opts out."""
    if role in (Role.SELLER, Role.APPROVER):
        opts_out = given.get("opted_out") is True
        return not is_new and opts_out and not {"name", "email"} & given.keys()
    return role is Role.ADMIN
