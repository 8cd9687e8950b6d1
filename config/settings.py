"""All settings. Every environment variable is read here, once, with its default and meaning; README has the same table.

A value that cannot be read stops the start with one sentence. Nothing here needs the network or a database.
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from config.keys import local_secret, parse_keys, parse_signing_secrets
from config.networks import parse_networks
from config.storage import results_storage
from config.variables import count, data_folder, database, flag, mail_server, origin, port, proxy, redis, seconds, socket_in, url, variable

BASE_DIR = Path(__file__).resolve().parent.parent

# --- where data is, who may call ---------------------------------------------------------------------------------------

DATA_DIR = variable("DATA_DIR", str(BASE_DIR / "var"), data_folder)
DEBUG = variable("DEBUG", "0", flag)
HOST = variable("HOST", "127.0.0.1", str)
PORT = variable("PORT", "8000", port)
# Without PUBLIC_URL: this machine, or the one address that the server listens on.
_listens = "localhost" if HOST in {"127.0.0.1", "::1", "0.0.0.0", "::"} else HOST  # noqa: S104 - compared, not bound
PUBLIC_URL = variable("PUBLIC_URL", f"http://{f'[{_listens}]' if ':' in _listens else _listens}:{PORT}", origin)
PUBLIC_URL_IS_SET = bool(os.environ.get("PUBLIC_URL"))
EGRESS_ALLOW = variable("EGRESS_ALLOW", "", parse_networks)

SECRET_KEY = variable("SECRET_KEY", local_secret(DATA_DIR / "secret_key", size=48) if not os.environ.get("SECRET_KEY") else "", str)
ENCRYPTION_KEYS = variable(
    "ENCRYPTION_KEYS",
    "local:" + local_secret(DATA_DIR / "encryption_key", size=32) if not os.environ.get("ENCRYPTION_KEYS") else "",
    parse_keys,
)

ADMIN_USERNAME = variable("ADMIN_USERNAME", "admin", str)
ADMIN_PASSWORD = os.environ.get("ADMIN_PASSWORD", "")  # empty: one is made and printed once
ORGANIZATION_NAME = variable("ORGANIZATION_NAME", "My organization", str)

_public_host = urlsplit(PUBLIC_URL).hostname or "localhost"
ALLOWED_HOSTS = sorted({f"[{_public_host}]" if ":" in _public_host else _public_host, "localhost", "127.0.0.1", "[::1]"})
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
if PUBLIC_URL.startswith("https://"):
    # Only a proxy in front ends TLS; it must set this header itself and drop a client's.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000

# --- database and broker ------------------------------------------------------------------------------------------------

DATABASES: dict[str, dict[str, Any]] = {
    "default": variable("DATABASE_URL", "", database)
    if os.environ.get("DATABASE_URL")
    else {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA_DIR / "junction.sqlite3"}
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        # Writers queue up at BEGIN instead of failing in the middle; readers go on beside them (WAL).
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["CONN_MAX_AGE"] = 60  # seconds that a thread keeps its connection
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

VALKEY_SOCKET = socket_in(DATA_DIR)
REDIS_URL = variable("REDIS_URL", f"unix://{VALKEY_SOCKET}", redis)
BROKER_IS_EMBEDDED = not os.environ.get("REDIS_URL")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL, "KEY_PREFIX": "junction"}}

# --- network out (connections/transport/) -------------------------------------------------------------------------------

EGRESS_CONNECT_TIMEOUT = variable("EGRESS_CONNECT_TIMEOUT", "10", seconds)
EGRESS_READ_TIMEOUT = variable("EGRESS_READ_TIMEOUT", "30", seconds)
EGRESS_TOTAL_TIMEOUT = variable("EGRESS_TOTAL_TIMEOUT", "60", seconds)
EGRESS_MAX_BYTES = 32 * 1024 * 1024  # of one answer, after decompression; the largest page that a run keeps in memory
PROXY_SECONDS = variable("PROXY_SECONDS", "600", seconds)  # for the body of an answer that passes through (connections/api/proxy.py)

# Through this proxy everything goes out, by CONNECT, unless a connection names its own. http://user:password@host:3128; empty: none.
EGRESS_PROXY = variable("EGRESS_PROXY", "", proxy)
# The proxy resolves names, and keeps Junction out of private networks itself. Otherwise Junction resolves and checks, and the proxy gets
# an address.
EGRESS_PROXY_RESOLVES = variable("EGRESS_PROXY_RESOLVES", "0", flag)

# --- connections --------------------------------------------------------------------------------------------------------

# How often each connection that works or fails is tested again, seconds, spread evenly; 0: never.
HEALTH_CHECK_SECONDS = variable("HEALTH_CHECK_SECONDS", "3600", count(0, 30 * 24 * 3600))
# For how long the request log keeps what was sent and answered; 0: nothing is written down.
REQUEST_LOG_DAYS = variable("REQUEST_LOG_DAYS", "7", count(0, 3650))

# --- webhooks (connections/webhooks/, connections/deliveries/) -------------------------------------------------------------

# For how long what arrived and what was delivered is kept, days.
WEBHOOK_KEEP_DAYS = variable("WEBHOOK_KEEP_DAYS", "30", count(1, 3650))

# Bytes of one message that is taken. GitHub sends 25 MB at most, most vendors a few kilobytes.
WEBHOOK_MAX_BYTES = variable("WEBHOOK_MAX_BYTES", str(5 * 1024 * 1024), count(1024, 64 * 1024 * 1024))

# --- authorization in the browser (connections/tokens/authorization.py) ----------------------------------------------------------

# How long somebody may take on a vendor's page, until the answer is no longer accepted.
AUTHORIZATION_SECONDS = variable("AUTHORIZATION_SECONDS", "600", seconds)
# Is sent a POST when a connection has to be authorized again; empty: nobody. It passes the same guard as calls to vendors.
AUTHORIZATION_WEBHOOK_URL = variable("AUTHORIZATION_WEBHOOK_URL", "", url)
AUTHORIZATION_WEBHOOK_SECRETS = variable("AUTHORIZATION_WEBHOOK_SECRET", "", parse_signing_secrets)  # sign it; empty: it is not signed
# Whoever made the connection gets a mail as well. smtp+tls://user:password@host:587; empty: no mail is sent.
_mail = variable("EMAIL_URL", "", mail_server)
MAIL_IS_SET = bool(_mail)
EMAIL_HOST, EMAIL_PORT = _mail.get("EMAIL_HOST", "localhost"), _mail.get("EMAIL_PORT") or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_USER") or "", _mail.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = variable("EMAIL_FROM", f"junction@{urlsplit(PUBLIC_URL).hostname}", str)

# --- on-premise agents (connections/agents/) --------------------------------------------------------------------------------

# Agents ask for work, and their question is held back until there is some: in so many threads of each web process, which come on top
# of those for pages. Further agents are told to ask again in two seconds.
AGENT_HELD_POLLS = variable("AGENT_HELD_POLLS", "4", count(0, 200))
# How long a call waits until an agent takes it; and after how long without a sign of life an agent has lost it.
AGENT_WAIT_SECONDS = variable("AGENT_WAIT_SECONDS", "15", seconds)
AGENT_LEASE_SECONDS = variable("AGENT_LEASE_SECONDS", "15", seconds)

# --- import of API documents (actions/importing.py) -----------------------------------------------------------------------

# Bytes of an upload, and of all files of one document unpacked. The largest public documents (Microsoft Graph) have 21 MB.
IMPORT_MAX_BYTES = variable("IMPORT_MAX_BYTES", str(32 * 1024 * 1024), count(1024, 512 * 1024 * 1024))
# Microsoft Graph has 11,000 operations, its beta 22,000; more is no API that a person can choose from.
IMPORT_MAX_OPERATIONS = variable("IMPORT_MAX_OPERATIONS", "25000", count(1, 1_000_000))
# Levels of nesting. Real documents stay under 60; Python's own readers fail near 1,000.
IMPORT_MAX_DEPTH = variable("IMPORT_MAX_DEPTH", "200", count(10, 900))
# Values that YAML aliases stand for. Real documents stay under 100,000; a document made to exhaust memory has billions.
IMPORT_MAX_ALIASES = variable("IMPORT_MAX_ALIASES", "1000000", count(0, 10_000_000))
# Files of one document, in a zip archive too. The largest public one (DigitalOcean) has 2,900.
IMPORT_MAX_FILES = variable("IMPORT_MAX_FILES", "10000", count(1, 100_000))
# Of reading one document; the largest take some 20 on an ordinary machine.
IMPORT_SECONDS = variable("IMPORT_SECONDS", "120", seconds)
# Of fetching the files that a document at a URL refers to, one after the other, and of looking for the document of a page; what is
# over is left out and named. The vendor's server is asked for no more than so many files.
IMPORT_FETCH_SECONDS = variable("IMPORT_FETCH_SECONDS", "60", seconds)
IMPORT_FETCH_FILES = variable("IMPORT_FETCH_FILES", "1000", count(0, 100_000))
# The linter of imports: a path or a name on the PATH. By default a `vacuum` on the PATH; `none` means the built-in rules.
VACUUM = variable("VACUUM", "", str.strip)
VACUUM_SECONDS = variable("VACUUM_SECONDS", "20", seconds)  # for one document; beyond it the built-in rules speak

# --- imports (actions/imports.py) ------------------------------------------------------------------------------------

# A document up to this size is read and written within the request, in about a second; a larger one is a worker's work.
IMPORT_INLINE_BYTES = 256 * 1024
# A worker that has not reported for so long is taken for dead, and another one goes on. A living one reports three times as often.
IMPORT_LEASE_SECONDS = variable("IMPORT_LEASE_SECONDS", "30", seconds)
IMPORT_KEEP_HOURS = 24  # for choosing operations, and for coming back to one that failed

# --- runs (actions/runs/) -------------------------------------------------------------------------------------------

# How often beat looks for tokens to renew, seconds; and how many token requests a worker process sends to one host in a second.
TOKEN_REFRESH_SECONDS = variable("TOKEN_REFRESH_SECONDS", "10", seconds)
TOKEN_REQUESTS_PER_SECOND = variable("TOKEN_REQUESTS_PER_SECOND", "100", seconds)

# A worker that has not saved a page for so long is taken for dead and another one goes on. Longer than one request.
RUN_LEASE_SECONDS = variable("RUN_LEASE_SECONDS", str(EGRESS_TOTAL_TIMEOUT + 30), seconds)
RUN_RECOVER_SECONDS = variable("RUN_RECOVER_SECONDS", "15", seconds)  # how often beat looks for such runs
# The caps of one run; what ends by one of them is "truncated" and can be resumed once the cap is higher.
RUN_MAX_PAGES = variable("RUN_MAX_PAGES", "100000", count(1, 10_000_000))
RUN_MAX_RECORDS = variable("RUN_MAX_RECORDS", "50000000", count(1, 10**10))
RUN_MAX_BYTES = variable("RUN_MAX_BYTES", str(4 * 1024**3), count(1024, 2**45))  # of records, uncompressed
RUN_MAX_SECONDS = variable("RUN_MAX_SECONDS", str(24 * 3600), seconds)  # since its start or resumption, waits included
# The guards against endless lists: how many pages may repeat the content, or all ids, of an earlier one before the run ends as "loop".
# A page that is to be asked for a second time always ends it.
RUN_REPEATED_PAGES = variable("RUN_REPEATED_PAGES", "1", count(1, 1000))
RUN_REPEATED_IDS = variable("RUN_REPEATED_IDS", "2", count(1, 1000))
# Where the records of runs lie: file:///folder, or s3://bucket/prefix with the address of the service where that is not Amazon's.
RESULTS_S3_ENDPOINT = variable("RESULTS_S3_ENDPOINT", "", url)
RESULTS_S3_REGION = variable("RESULTS_S3_REGION", "", str.strip)
# Whether each page is on the disk itself before it counts as stored. It costs a third of the speed and is for power cuts only.
RESULTS_FSYNC = variable("RESULTS_FSYNC", "1", flag)
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # nothing is kept there
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "results": variable(
        "RESULTS_URL",
        (DATA_DIR / "results").as_uri(),
        lambda text: results_storage(text, endpoint=RESULTS_S3_ENDPOINT, region=RESULTS_S3_REGION, fsync=RESULTS_FSYNC),
    ),
}
# How long records are kept after a run has ended, and how much of them in all, compressed; the ledger stays. 0: no limit.
RESULTS_KEEP_DAYS = variable("RESULTS_KEEP_DAYS", "0", count(0, 36_500))
RESULTS_MAX_BYTES = variable("RESULTS_MAX_BYTES", "0", count(0, 2**60))
RUN_PARK_SECONDS = 15  # a longer wait for the vendor frees the worker; the run is taken up again after it
RUN_PREFETCH_BYTES = 64 * 1024 * 1024  # of answers that one run may hold ahead of the page that it stores

# --- Django -----------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "lucide",
    "csp",
    "rest_framework",
    "oauth2_provider",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "integrations",
    "connections",
    "actions",
    "demo",
]
MIDDLEWARE = [
    "connections.proxy.lane.ProxyLaneMiddleware",  # first: what it answers needs nothing of what follows
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "integrations.middleware.AddressMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "integrations.accounts.middleware.SignInMiddleware",
    "integrations.middleware.RolesMiddleware",
    "integrations.middleware.OrganizationMiddleware",
    "integrations.middleware.ActorMiddleware",
    "integrations.middleware.DisabledMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "integrations.middleware.NotAllowedMiddleware",
    "integrations.api.middleware.RateLimitMiddleware",
    "integrations.api.middleware.IdempotencyMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

AUTH_USER_MODEL = "integrations.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "integration-list"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# No collectstatic: files are served from where they lie, so that a start needs no extra step.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

DATA_UPLOAD_MAX_MEMORY_SIZE = IMPORT_MAX_BYTES + 1024 * 1024  # a pasted document is a form field
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
FILE_UPLOAD_PERMISSIONS = 0o600

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# --- HTTP API -----------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "integrations.api.authentication.PersonalTokenAuthentication",
        "integrations.api.authentication.ApplicationTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated", "integrations.api.authentication.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["integrations.access.limits.CallerThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["integrations.api.parsing.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "integrations.api.problems.handle",
    "DEFAULT_VERSIONING_CLASS": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "URL_FORMAT_OVERRIDE": None,  # ?format= belongs to the download of records
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Junction",
    "DESCRIPTION": "Describe a REST API once, publish it to the organizations below yours, connect, run it complete.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "integrations.api.definition_schema.add_definition",
        "integrations.api.completion.complete",
    ],
    "ENUM_NAME_OVERRIDES": {
        "IntegrationStatus": ["draft", "published", "hidden", "deprecated"],
        "RequestedStatus": ["published", "hidden", "deprecated"],
        "RevisionState": ["draft", "finalized"],
        "ConnectionState": ["untested", "working", "failing", "reauthorize"],
        "ImportState": ["reading", "choosing", "writing", "finished", "failed", "cancelled"],
        "TokenState": ["active", "expired"],
        "PrincipalType": ["user", "team", "organization"],
        "RunState": ["queued", "running", "waiting", "finished"],
        "ConnectionMode": ["cloud", "on-premise"],
        "IntegrationMode": ["per-user", "shared"],
        "SharingPolicy": ["allow", "ask", "deny"],
        "RequestSource": ["run", "test", "check", "proxy", "token", "trial", "other"],
        "MappingSource": ["typed", "list", "action"],
        "EventState": ["waiting", "done", "failed", "ignored"],
        "EventVerdict": ["verified", "unchecked", "rejected"],
        "DeliveryState": "connections.models.Delivery.State",
    },
}
# Whether a change to a definition, a connection or an organization has to name the ETag that it was made for (428 without).
API_REQUIRE_IF_MATCH = variable("API_REQUIRE_IF_MATCH", "0", flag)
# Requests of one token, application and user, or session in a minute; 0: as many as they like.
API_REQUESTS_PER_MINUTE = variable("API_REQUESTS_PER_MINUTE", "6000", count(0, 10_000_000))
# How long the answer to a POST with an Idempotency-Key is kept.
IDEMPOTENCY_HOURS = variable("IDEMPOTENCY_HOURS", "24", count(1, 720))

OAUTH2_PROVIDER = {
    "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
    "SCOPES_BACKEND_CLASS": "integrations.access.scopes.Scopes",
    "PKCE_REQUIRED": True,
    "REFRESH_TOKEN_EXPIRE_SECONDS": 90 * 24 * 3600,
    # Of tokens only digests are stored, and of authorization codes too (ApplicationValidator); these are bound to S256 besides. Tokens
    # are read from the header alone.
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "OAUTH2_VALIDATOR_CLASS": "integrations.api.authentication.ApplicationValidator",
    # What the documents under /.well-known/ say (integrations/access/metadata.py); the issuer is not the Host header's matter.
    "OIDC_ISS_ENDPOINT": PUBLIC_URL,
    "OAUTH2_PROTECTED_RESOURCE_IDENTIFIER": PUBLIC_URL,
    "OAUTH2_PROTECTED_RESOURCE_NAME": "Junction",
    "OAUTH2_PROTECTED_RESOURCE_DOCUMENTATION": f"{PUBLIC_URL}/api/docs/",
    "OAUTH2_RESPONSE_TYPES_SUPPORTED": ["code"],
    "OAUTH2_GRANT_TYPES_SUPPORTED": ["authorization_code", "client_credentials", "refresh_token"],
    "OAUTH2_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED": ["client_secret_basic", "client_secret_post", "none"],
}

# --- logs ---------------------------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.request": {"level": "ERROR"},  # a 4xx is the caller's matter; the access log has it
        # urllib3 writes whole URLs at DEBUG, and a URL can carry a key.
        "urllib3": {"level": "WARNING"},
        # These write whole tokens.
        "oauthlib": {"level": "WARNING"},
        "oauth2_provider": {"level": "WARNING"},
    },
}
