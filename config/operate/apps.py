"""The operator's room: commands that concern the whole house."""

from django.apps import AppConfig


class OperateConfig(AppConfig):
    name = "config.operate"
    label = "operate"
