"""The admin app, with the control center as its site."""

from django.contrib.admin.apps import SimpleAdminConfig


class ControlCenterConfig(SimpleAdminConfig):
    """Only the site is ours. Its rooms are found with the routes: whoever serves no page,
    as workers do, loads none.
    """

    default = False
    default_site = "config.control_center.ControlCenter"
