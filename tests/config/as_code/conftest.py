"""What tests of configuration files share: a tenant, and the command as people call it."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from config.as_code.standing import standing
from config.as_code.told import exported
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk, make_desk  # noqa: F401  a fixture


class Files:
    """One tenant's configuration as files, and the command's answers about them."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk = desk
        self.path = folder / f"{desk.house.slug}.yaml"

    def export(self) -> str:
        with tenant_scope(self.desk.tenant):
            return exported(self.desk.house.slug, standing())

    def plan(self, text: str) -> tuple[int, str]:
        return self.call("plan", text)

    def apply(
        self, text: str, *more: str, who: Role = Role.ADMIN, widen: bool = True
    ) -> tuple[int, str]:
        allowed = ["--allow-widening"] if widen else []
        return self.call("apply", text, "--as", self.email(who), *allowed, *more)

    def applied(self, text: str, *more: str) -> str:
        code, said = self.apply(text, *more)
        assert code == 0, said
        return said

    def email(self, role: Role) -> str:
        return f"{role.lower()}@{self.desk.house.slug}.example"

    def call(self, verb: str, text: str, *more: str) -> tuple[int, str]:
        self.path.write_text(text)
        out, named = StringIO(), ["--file", str(self.path)]
        slug = self.desk.house.slug
        try:
            call_command("config", verb, "--tenant", slug, *named, *more, stdout=out)
        except CommandError as error:
            return error.returncode, str(error)
        except SystemExit as end:
            return int(end.code or 0), out.getvalue()
        return 0, out.getvalue()


@pytest.fixture
def make_files(
    make_desk: Callable[..., Desk],  # noqa: F811
    tmp_path: Path,
) -> Callable[..., Files]:
    def make(**more: Any) -> Files:
        return Files(make_desk(**more), tmp_path)

    return make


@pytest.fixture
def files(make_files: Callable[..., Files]) -> Files:
    return make_files()
