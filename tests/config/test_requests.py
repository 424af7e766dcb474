"""One request in the log: a line for what matters, and none for what pages load all the time."""

import logging
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from config.requests import log_requests


def said(
    path: str, status: int, caplog: pytest.LogCaptureFixture
) -> list[tuple[str, int]]:
    """The lines of a request that was answered so: which route, which status."""
    caplog.clear()
    handle = log_requests(lambda _: HttpResponse(status=status))
    with caplog.at_level(logging.INFO, logger="config.requests"):
        handle(RequestFactory().get(path))
    events: list[Any] = [record.msg for record in caplog.records]
    return [(each["route"], each["status"]) for each in events]


@pytest.mark.parametrize("path", ["/static/house.css", "/stops/now/"])
def test_what_pages_load_all_the_time_is_worth_a_line_where_it_fails(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    for status in (200, 204, 206, 304):
        assert said(path, status, caplog) == [], status
    for status in (400, 404, 500, 503):
        assert [each for _, each in said(path, status, caplog)] == [status]


def test_whatever_else_is_asked_for_is_said(caplog: pytest.LogCaptureFixture) -> None:
    for path in ("/", "/statics/", "/stops/", "/api/v1/me/"):
        assert [each for _, each in said(path, 200, caplog)] == [200], path


def test_a_static_file_that_fails_is_told_from_other_pages(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert said("/static/gone.css", 404, caplog) == [("static/", 404)]
    assert said("/gone/", 404, caplog) == [("-", 404)]
