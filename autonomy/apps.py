"""Autonomy acts: trigger, gate, decide, approve, execute, learn."""

from django.apps import AppConfig


class AutonomyConfig(AppConfig):
    name = "autonomy"
