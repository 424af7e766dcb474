"""The admin app, with the control center as its site."""

from django.contrib.admin.apps import AdminConfig


class ControlCenterConfig(AdminConfig):
    """Finds the admin rooms of every floor; only the site is ours."""

    default = False
    default_site = "config.control_center.ControlCenter"
