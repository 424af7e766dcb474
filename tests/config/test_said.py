"""What a command cannot do, it says in one line, as a person would."""

import pytest
from django.core.management import (
    CommandError,
    ManagementUtility,
    get_commands,
    load_command_class,
)

from ledger.commands import HouseCommand
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.conftest import House

NOBODY = "00000000-0000-7000-8000-000000000000"
REFUSED = [
    f"replay --intent {NOBODY} --reason x",
    "replay --intent wrong --reason x",
    f"undo --execution {NOBODY} --reason x",
    "undo --execution wrong --reason x",
    "undo --since wrong --tenant HOUSE --reason x",
    "undo --since 2026-11-21T08:00 --reason x",
    "undo --since 2026-11-21T08:00 --tenant wrong --reason x",
    "undo --since 2026-11-21T08:00 --tenant HOUSE --account wrong --reason x",
    f"parked retry --id {NOBODY}",
    "parked retry --id wrong",
    "parked retry",
    "parked wrong",
    "kill_switch on --tenant wrong --reason x",
    f"kill_switch on --tenant HOUSE --account {NOBODY} --reason x",
    "kill_switch on --tenant HOUSE --account wrong --reason x",
    f"kill_switch on --tenant HOUSE --connector {NOBODY} --reason x",
    "kill_switch on --tenant HOUSE --seller wrong --reason x",
    "kill_switch on --tenant HOUSE --action-type wrong --reason x",
    "kill_switch on --tenant HOUSE --tool wrong --reason x",
    f"kill_switch off --tenant HOUSE --id {NOBODY} --reason x",
    "kill_switch off --tenant HOUSE --id wrong --reason x",
    "kill_switch off --tenant HOUSE --hold 99999999999999999 --reason x",
    f"kill_switch certificate --tenant HOUSE --id {NOBODY}",
    "kill_switch certificate --tenant HOUSE",
    "policy activate --tenant HOUSE --as ADMIN --version wrong",
    "policy activate --tenant HOUSE --as wrong --version wrong",
    "policy rollback --tenant HOUSE --as ADMIN",
    "policy simulate --tenant HOUSE --days 0",
    "policy simulate --tenant HOUSE --days 99999999999",
    "policy simulate --tenant HOUSE --from wrong",
    "policy save /nowhere --tenant HOUSE --as ADMIN",
    "policy test /nowhere",
    "policy test /",
    "policy test manage.py",
    "policy profile --tenant HOUSE --action-type wrong",
    "policy list --tenant wrong",
    "evaluate --tenant wrong",
    "evaluate --tenant HOUSE --days 99999999999",
    "evaluate --tenant HOUSE --html /nowhere/at/all",
    "ranking list --tenant wrong",
    "ranking promote --tenant HOUSE --version wrong --as ADMIN",
    "ranking promote --tenant HOUSE --as wrong",
    "ranking promote --tenant HOUSE --as ADMIN",
    "ranking promote --house --version wrong",
    "ranking rollback --tenant HOUSE --as ADMIN",
    f"plan statement {NOBODY}",
    "plan statement wrong",
    "plan verify",
    "plan verify --tenant wrong",
    "token create --tenant wrong --role admin",
    "token create --tenant HOUSE --role king",
    "token create --tenant HOUSE --role admin --user wrong",
    "token create --tenant HOUSE --role admin --days 0",
    f"token revoke --tenant HOUSE --id {NOBODY}",
    "token revoke --tenant HOUSE --id wrong",
    "token revoke --token wrong",
    f"token revoke --token aut_{'0' * 32}_x",
    f"prove --execution {NOBODY}",
    "prove --execution wrong",
    "prove",
    "verify_ledger --tenant wrong",
    f"verify_ledger --tenant {NOBODY}",
    "rotate_keys --tenant wrong",
    "config export --tenant wrong",
    "config export --tenant HOUSE --file /nowhere/at/all",
    "config plan --tenant HOUSE --file /nowhere",
    "config apply --tenant HOUSE --file /dev/null --as wrong",
    "config wrong",
    "bench wrong",
    "services wrong",
    "seed --tenants wrong",
    "simulate --days wrong",
    "status --wrong",
    "doctor wrong",
    "reconcile wrong",
]


@pytest.mark.parametrize("typed", REFUSED)
def test_what_is_wrong_is_one_line(
    house: House, typed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with tenant_scope(house.tenant):
        admin = house.members[Role.ADMIN].person.email
    words = typed.replace("HOUSE", house.slug).replace("ADMIN", admin).split()
    utility = ManagementUtility(["manage.py", *words])
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        utility.fetch_command(words[0]).run_from_argv(utility.argv)
    told = capsys.readouterr()
    assert end.value.code in (1, 2)
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert line.endswith("."), line
    for word in ("Error", "Traceback", "usage:", "Errno", "UUID", "value:", " int "):
        assert word not in line, line


def test_where_a_refusal_comes_from_is_shown_on_demand(house: House) -> None:
    words = ["manage.py", "policy", "list", "--tenant", "wrong"]
    command = ManagementUtility(words).fetch_command("policy")
    with pytest.raises(CommandError, match="There is no such tenant"):
        command.run_from_argv([*words[:2], "--traceback", *words[2:]])


def test_every_command_of_the_house_speaks_so() -> None:
    """But Django's own `migrate`, and a process, whose faults have to be found."""
    ours = {
        name: load_command_class(app, name)
        for name, app in get_commands().items()
        if app.partition(".")[0]
        in ("config", "plans", "autonomy", "perception", "ledger")
    }
    assert len(ours) > 20
    mute = {name for name, each in ours.items() if not isinstance(each, HouseCommand)}
    assert mute == {"migrate", "relay"}
