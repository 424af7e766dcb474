"""Files of tests run in lanes side by side, each lane with servers of its own."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

LANE = os.environ.get("PYTEST_XDIST_WORKER")
SESSION = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
# What takes longest goes first, so that no lane waits for the other at the end.
FIRST = ("tests/chaos/", "tests/walks/", "tests/browser/", "tests/house/")

if LANE:
    # Read before the settings are, which this module is loaded early enough for.
    os.environ["VAR_DIR"] = f"{os.environ.get('VAR_DIR', 'var/test')}-{LANE}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(FIRST))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What installations began with is gone with the last of them."""
    if LANE:
        return
    lanes = session.config.pluginmanager.get_plugin("dsession")
    run = lanes.nodemanager.testrunuid if lanes else SESSION
    shutil.rmtree(Path(tempfile.gettempdir()) / f"prepared-{run}", ignore_errors=True)
