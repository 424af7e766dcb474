"""`calendar.task`: something to do, in a calendar that keeps tasks."""

from collections.abc import Mapping
from typing import Any

from icalendar import Component, Todo

from autonomy.rules.catalogue import TASK
from autonomy.tools.base import Job
from autonomy.tools.calendars import Entry, given, moment, titled


class CalendarTask(Entry):
    """Makes a task. Nobody is invited to it."""

    key = "calendar.task"
    title = "A task in the calendar"
    component = "VTODO"
    takes: Mapping[str, Any] = TASK

    def written(self, job: Job) -> Component:
        made = Todo()
        titled(made, job, "details")
        if due := given(job, "due"):
            made.add("due", moment(due).date())
        made.add("status", "NEEDS-ACTION")
        return made
