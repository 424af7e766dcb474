"""Django's settings, composed from the environment."""

import sys
from pathlib import Path
from typing import Any

import structlog
from kombu import Queue

from config import brokers, databases, logs, mail, tls
from config.embedded import EmbeddedError
from config.env import Environment, load
from config.theme import STATIC_URL as STATIC_URL
from config.theme import UNFOLD as UNFOLD
from config.values import WrongSetting
from plans.types.registry import TYPES

BASE_DIR = Path(__file__).resolve().parent.parent


def _start() -> tuple[Environment, databases.Urls, dict[str, Any]]:
    try:
        env = load()
        return env, databases.urls(env), mail.settings_of(env.email_url)
    except (WrongSetting, EmbeddedError) as problem:
        sys.exit(f"autonomy: {problem}")


ENV, URLS, MAIL = _start()

DEBUG = ENV.debug
SECRET_KEY = ENV.secret_key
ALLOWED_HOSTS = [*ENV.allowed_hosts]
VAR_DIR = ENV.var_dir

# --- The house -------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "config.operate",
    "plans",
    "autonomy",
    "perception",
    "ledger",
    "config.operate.admin_site.ControlCenterConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "django_filters",
    "django_htmx",
    "template_partials",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "django_celery_beat",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
]

MIDDLEWARE = [
    "config.requests.log_requests",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.requests.scope_requests",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.shell.shell",
            ]
        },
    }
]

# What the storeys below know of types of plans: what each is called.
PLAN_TYPES = {each.key: each.title for each in TYPES.values()}

# --- Rows ------------------------------------------------------------------------

DATABASES = {
    "default": databases.database(URLS.app),
    "owner": databases.database(URLS.owner),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
NO_TENANT = databases.NO_TENANT
APP_URL = URLS.app
OWNER_URL = URLS.owner
DATABASE_GIVEN_URL = URLS.given
AUDITOR_URL = URLS.auditor

CACHES = {
    "default": {
        "BACKEND": "config.cache.ForgivingCache",
        "LOCATION": URLS.redis,
        "KEY_PREFIX": "autonomy",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
}
REDIS_URL = URLS.redis

# --- The ledger ------------------------------------------------------------------

LEDGER_SIGNING_KEY = ENV.ledger_signing_key
LEDGER_VERIFIER_KEYS = ENV.ledger_verifier_keys
LEDGER_ANCHOR_DIR = ENV.ledger_anchor_dir
EXPORT_DIR = VAR_DIR / "exports"
DROP_DIR = ENV.drop_dir
FIELD_KEYS = ENV.field_keys
SEAL_SECONDS = ENV.seal_seconds
TICK_SECONDS = ENV.tick_seconds
EGRESS_ALLOW = ENV.egress_allow

# --- The spine -------------------------------------------------------------------

LEASE_SECONDS = ENV.lease_seconds
RECONCILE_SECONDS = ENV.reconcile_seconds
MAX_ATTEMPTS = ENV.max_attempts
TOOL_TIMEOUT_SECONDS = ENV.tool_timeout_seconds
SPINE_STRIDE = ENV.spine_stride
APPROVAL_TTL_SECONDS = ENV.approval_ttl_seconds
WEBHOOK_TOLERANCE_SECONDS = ENV.webhook_tolerance_seconds
SYNTHESIZER = ENV.synthesizer
SYNTHESIZER_URL = ENV.synthesizer_url
LLM_MODEL = ENV.llm_model
# Open runs of one tenant, above which its signals are answered 429.
MAX_BACKLOG = 100_000
# Messages of one tenant, and of all, that may be under way at once.
IN_FLIGHT_PER_TENANT = 40
IN_FLIGHT = 160

# --- Celery: messages are hints, rows are the truth --------------------------------

CELERY_BROKER_URL = ENV.broker_url or URLS.redis
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_TASK_TIME_LIMIT = 60
CELERY_TASK_SOFT_TIME_LIMIT = 45
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = ENV.worker_concurrency
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 400_000
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = brokers.transport(CELERY_BROKER_URL)
CELERY_BROKER_HEARTBEAT = brokers.HEARTBEAT_SECONDS
# A queue for each stage, so that a slow tool or model starves no gate; and for pulls.
STAGES = ("trigger", "gate", "decide", "approve", "execute")
CELERY_TASK_ROUTES = {
    **{f"autonomy.tasks.{stage}": {"queue": stage} for stage in STAGES},
    "autonomy.tasks.undo": {"queue": "execute"},
    "operate.pull": {"queue": "pull"},
}
CELERY_TASK_DEFAULT_QUEUE = "house"
CELERY_TASK_QUEUES = [Queue(name) for name in ("house", *STAGES, "pull")]
# A connection serves many tasks; tasks close it themselves when it fails them.
CELERY_DB_REUSE_MAX = 1000
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "config.schedule:Timetable"
DJANGO_CELERY_BEAT_TZ_AWARE = True

# --- People ----------------------------------------------------------------------

AUTH_USER_MODEL = "perception.Person"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "config.people.InvitedOnly"
ACCOUNT_LOGOUT_REDIRECT_URL = "/login/"
ACCOUNT_SESSION_REMEMBER = True
SOCIALACCOUNT_ADAPTER = "config.people.KnownPeopleOnly"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_LOGIN_ON_GET = False
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5
SOCIALACCOUNT_PROVIDERS = (
    {
        "openid_connect": {
            "APPS": [
                {
                    "provider_id": "oidc",
                    "name": "single sign-on",
                    "client_id": ENV.oidc[1],
                    "secret": ENV.oidc[2],
                    "settings": {"server_url": ENV.oidc[0]},
                }
            ]
        }
    }
    if ENV.oidc
    else {}
)
# Per address alone: behind a proxy or an office, one IP is many people.
ACCOUNT_RATE_LIMITS = {"login_failed": "10/5m/key", "login": "300/m/ip"}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Autonomy"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

# --- The doors -------------------------------------------------------------------

BODY_LIMIT = 256 * 1024
BODY_LIMITS = {"/api/v1/signals/": 4 * 1024 * 1024}
DATA_UPLOAD_MAX_MEMORY_SIZE = max(BODY_LIMIT, *BODY_LIMITS.values())
# Calls a second, and how many at once: programs that push signals get more.
RATES = {"INTEGRATION": (500, 2000), "": (50, 200)}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "config.access.Bearer",
        "config.access.Session",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["config.access.ByRole"],
    "DEFAULT_THROTTLE_CLASSES": ["config.rates.PerToken"],
    "DEFAULT_PARSER_CLASSES": ["ledger.doors.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["ledger.doors.FastJSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "ledger.doors.Pages",
    "DEFAULT_FILTER_BACKENDS": ["ledger.doors.Filters"],
    "DEFAULT_SCHEMA_CLASS": "config.openapi.HouseSchema",
    "EXCEPTION_HANDLER": "config.problems.answer",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    # The document has one version; a query must not name another.
    "ALLOWED_VERSIONS": ["1"],
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_FORMATTER_CLASS": "config.problems.Problem",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Autonomy",
    "DESCRIPTION": "Controlled, always-on autonomy for revenue teams.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "config.openapi.add_problem",
        "config.openapi.say_anything",
    ],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}

# --- Pages -----------------------------------------------------------------------

STATICFILES_DIRS = [BASE_DIR / "config" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

vars().update(MAIL)
DIGESTS_BY_MAIL = ENV.email_url is not None
PUBLIC_URL = ENV.public_url

# --- Safety ----------------------------------------------------------------------

SECURE_REFERRER_POLICY = "same-origin"
CSRF_FAILURE_VIEW = "config.problems.csrf_refused"
vars().update(tls.settings(ENV.public_url))

LOGGING = logs.configuration(ENV.log_format)
structlog.configure(**logs.structured())
