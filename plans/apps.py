"""Plans stay on course: revenue plans over weeks."""

from django.apps import AppConfig


class PlansConfig(AppConfig):
    name = "plans"
