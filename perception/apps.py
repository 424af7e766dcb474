"""Perception sees: tenants, people, accounts, and what reaches them."""

from django.apps import AppConfig


class PerceptionConfig(AppConfig):
    name = "perception"
