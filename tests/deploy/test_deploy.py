"""What deploys the house names what the house has."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PROCESSES = ("web", "worker", "beat", "relay", "release")
# Names of what is measured, in expressions.
METRIC = re.compile(r"autonomy_[a-z_]+")


def procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name: words.strip() for name, _, words in (x.partition(":") for x in lines)}


def manifests() -> list[dict[str, Any]]:
    return [
        each
        for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
        for each in yaml.safe_load_all(path.read_text())
    ]


def known_variables() -> set[str]:
    text = (ROOT / ".env.example").read_text()
    return set(re.findall(r"^# ([A-Z_]+)=", text, re.M))


def plain(command: list[str]) -> str:
    """A command as the Procfile writes it."""
    if command[:2] == ["sh", "-c"]:
        return command[2].removeprefix("exec ").replace("$$", "$")
    return " ".join(command)


@pytest.mark.parametrize("name", PROCESSES)
def test_every_process_is_started_as_the_procfile_says(name: str) -> None:
    composed = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"][name]
    assert plain(composed["command"]) == procfile()[name]
    kind = "Job" if name == "release" else "Deployment"
    (found,) = [
        each
        for each in manifests()
        if each["kind"] == kind and each["metadata"]["name"] == name
    ]
    (container,) = found["spec"]["template"]["spec"]["containers"]
    assert plain(container["command"]) == procfile()[name]
    safe = container["securityContext"]
    assert safe["readOnlyRootFilesystem"]
    assert not safe["allowPrivilegeEscalation"]
    assert found["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"]


def test_every_variable_is_a_knob() -> None:
    """A name that nobody reads would be a promise that nobody keeps."""
    known = known_variables()
    for each in manifests():
        given = {**each.get("data", {}), **each.get("stringData", {})}
        assert set(given) <= known, each["metadata"]["name"]
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert set(compose["x-house"]["environment"]) <= known
    image = (DEPLOY / "Dockerfile").read_text()
    named = set(re.findall(r"^(?:ENV|   ) +([A-Z_]+)=", image, re.M))
    assert named - {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"} <= known


def test_the_image_holds_what_runs_and_ends_unprivileged() -> None:
    image = (DEPLOY / "Dockerfile").read_text()
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", image, re.M):
        for path in source.split():
            assert (ROOT / path).exists(), path
    for storey in ("ledger", "perception", "autonomy", "plans", "config"):
        assert f"COPY {storey} {storey}" in image
    assert image.rfind("USER autonomy") > image.rfind("RUN ")


def test_probes_ask_what_answers(db: None) -> None:
    web = next(each for each in manifests() if each["metadata"]["name"] == "web")
    (container,) = web["spec"]["template"]["spec"]["containers"]
    paths = {
        container[f"{kind}Probe"]["httpGet"]["path"]
        for kind in ("liveness", "readiness", "startup")
    }
    assert paths == {"/livez", "/readyz"}
    for path in paths:
        assert Client().get(path, headers={"host": "localhost"}).status_code in (
            200,
            503,
        )


def test_alerts_and_panels_speak_of_what_is_measured(db: None) -> None:
    """And every alert has its page to open at night."""
    measured = set(METRIC.findall(Client().get("/metrics").text))
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    runbooks = (ROOT / "docs" / "runbooks.md").read_text()
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^## (.+)$", runbooks, re.M)
    }
    assert alerts
    for alert in alerts:
        assert set(METRIC.findall(alert["expr"])) <= measured, alert["alert"]
        path, _, anchor = alert["annotations"]["runbook"].partition("#")
        assert (ROOT / path).exists()
        assert anchor in anchors, alert["alert"]
    board = json.loads((DEPLOY / "grafana" / "autonomy.json").read_text())
    shown = {
        name
        for panel in board["panels"]
        for target in panel["targets"]
        for name in METRIC.findall(target["expr"])
    }
    assert shown <= measured
    assert {name for alert in alerts for name in METRIC.findall(alert["expr"])} <= shown


def test_the_checks_for_deployment_find_nothing() -> None:
    """Behind TLS, as docs/deploy.md describes it."""
    env = {
        "PATH": "/usr/bin:/bin",
        "DATABASE_URL": "postgres://app:secret@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SECRET_KEY": "not-a-real-key-but-long-enough-and-varied-0123456789-xyz",
        "FIELD_KEYS": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        "PUBLIC_URL": "https://autonomy.example",
        "ALLOWED_HOSTS": "autonomy.example",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout
