"""The plain view, served: the product's settings, nothing of its middleware, no fence."""

import copy
import os

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections
from environ import Env

OPEN = "unfenced"


def _open() -> None:
    """A connection that no fence holds, kept as the product's is."""
    given = Env.db_url_config(settings.DATABASE_GIVEN_URL)
    kept = copy.deepcopy(connections.settings["default"])
    same = {name: given[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
    connections.settings[OPEN] = {**kept, **same}


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()
settings.MIDDLEWARE = []
settings.ROOT_URLCONF = "bench.parts.plain"
_open()
application = WSGIHandler()
