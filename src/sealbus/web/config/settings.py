"""Django's settings, all derived from `Environment`. DEBUG is never on; off loopback it is HTTPS."""

from __future__ import annotations

import os
import zoneinfo
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from sealbus.web.config.environment import load_environment

__all__: list[str] = []

SEALBUS = load_environment(os.environ)
_HTTPS = SEALBUS.is_https

DEBUG = False
SECRET_KEY = SEALBUS.secret_key
ALLOWED_HOSTS = [SEALBUS.public_host]
if SEALBUS.public_host in ("127.0.0.1", "localhost", "::1"):
    ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = [SEALBUS.public_url]
CSRF_FAILURE_VIEW = "sealbus.web.config.error_pages.csrf_failure"
GATE_REFUSAL_VIEW = "sealbus.web.config.error_pages.refused"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.headless",
    "knox",
    "rest_framework",
    "drf_spectacular",
    "csp",
    "sealbus.web.coordination.apps.CoordinationApp",
    "sealbus.web.audit.apps.AuditApp",
    "sealbus.web.accounts.apps.AccountsApp",
    "sealbus.web.accounts.single_sign_on.apps.SingleSignOnApp",
    "sealbus.web.devices.apps.DevicesApp",
    "sealbus.web.trends.apps.TrendsApp",
    "sealbus.web.api.apps.ApiApp",
    "sealbus.web.pages.apps.PagesApp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "sealbus.web.config.headers.HeadersMiddleware",
    "sealbus.web.pages.language.LanguageMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "sealbus.web.accounts.anonymous_sessions.AnonymousSessionsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "sealbus.web.accounts.middleware.LibraryAnswersMiddleware",
    "sealbus.web.accounts.middleware.SubjectMiddleware",
    "sealbus.web.access.gate.Gate",
    "sealbus.web.config.error_pages.WebErrorMiddleware",
]

ROOT_URLCONF = "sealbus.web.config.urls"
DATABASES: dict[str, Any] = {"default": SEALBUS.database.django()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"

CACHES: dict[str, Any] = {  # neither depends on the bus, and neither unpickles what it reads
    "default": {
        "BACKEND": "sealbus.web.coordination.caches.DatabaseCache",
        "OPTIONS": {
            "MAX_ENTRIES": 100_000
        },  # it counts failed logins: an attacker must not push entries out by adding more
    },
    "process": {
        "BACKEND": "sealbus.web.coordination.caches.MemoryCache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    },
}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LANGUAGE_COOKIE_NAME = "sealbus-language"
LOCALE_PATHS = [Path(__file__).parent.parent / "pages" / "locale"]
TIME_ZONE = SEALBUS.time_zone
# Pages show times by the rules of the pinned package too, as history cuts days (`sealbus.time_zones`), not of the system.
zoneinfo.reset_tzpath(to=())
zoneinfo.ZoneInfo.clear_cache()
USE_TZ = True
STATIC_URL = "/static/"

# -- signing in

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"max_similarity": 0.5, "user_attributes": ("username", "name", "email")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "sealbus.web.accounts.passwords.PredictablePasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "sealbus.web.accounts.adapters.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "sealbus.web.accounts.adapters.SocialAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/300s/key", "reauthenticate": "10/m/user"}
MFA_ADAPTER = "sealbus.web.accounts.adapters.SecondFactorAdapter"
MFA_ALLOW_UNVERIFIED_EMAIL = True  # accounts are not identified by mail addresses
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True  # later only newly made ones are shown, which is recorded
MFA_TOTP_ISSUER = "Sealbus"
HEADLESS_CLIENTS = ("browser",)
HEADLESS_FRONTEND_URLS = {"socialaccount_login_error": "/login", "account_signup": "/login"}
USERSESSIONS_ADAPTER = "sealbus.web.accounts.adapters.SessionsAdapter"
USERSESSIONS_TRACK_ACTIVITY = False  # `accounts` does it, once a minute instead of at every request
SOCIALACCOUNT_REAUTHENTICATION_REQUIRED = True
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
if SEALBUS.oidc is not None:
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "APPS": [
            {
                "provider_id": "sso",
                "name": SEALBUS.oidc.name,
                "client_id": SEALBUS.oidc.client_id,
                "secret": SEALBUS.oidc.secret,
                "settings": {"server_url": SEALBUS.oidc.server_url},
            }
        ],
    }

KNOX_TOKEN_MODEL = "accounts.ApiToken"  # noqa: S105 - a name
REST_KNOX = {
    "TOKEN_MODEL": "accounts.ApiToken",
    "AUTH_HEADER_PREFIX": "Token",
    "AUTO_REFRESH": False,
    "TOKEN_PREFIX": "sealbus_",
    "TOKEN_TTL": timedelta(days=90),
}

# -- cookies and headers

SESSION_COOKIE_NAME = "__Host-sealbus" if _HTTPS else "sealbus"
CSRF_COOKIE_NAME = "__Host-sealbus-csrf" if _HTTPS else "sealbus-csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SECURE_SSL_REDIRECT = False  # there is no plain port; a proxy redirects its own
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = False  # other services of the host are not affected
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if SEALBUS.trusted_proxies.networks:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
_SOCKETS = SEALBUS.public_url.replace("http", "ws", 1)  # older Safari does not take 'self' for sockets
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF, _SOCKETS],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["default", "lit-html"],
    }
}
if SEALBUS.oidc is not None:  # the form of single sign-on is redirected to the provider
    _provider = urlsplit(SEALBUS.oidc.server_url)
    CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"].append(f"{_provider.scheme}://{_provider.netloc}")
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
FILE_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["sealbus.web.http.authentication.SubjectAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["sealbus.web.http.authentication.GatePermission"],
    "DEFAULT_RENDERER_CLASSES": ["sealbus.web.http.rendering.ProblemRenderer"],
    "DEFAULT_PARSER_CLASSES": ["sealbus.web.http.json_bodies.JsonBody"],
    "DEFAULT_PAGINATION_CLASS": "sealbus.web.http.paging.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["sealbus.web.http.throttles.SubjectThrottle"],
    "DEFAULT_THROTTLE_RATES": {"subject": "1200/min", "nobody": "120/min", "export": "30/min"},
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "sealbus.web.http.rest_errors.answer_problem",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # `?format=` is refused like any unknown parameter
    "NUM_PROXIES": 0,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Sealbus",
    "DESCRIPTION": "Devices, tags, live values, history, commands, accounts and the audit of a Sealbus site.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "OAS_VERSION": "3.1.0",
    "ENUM_NAME_OVERRIDES": {
        "Action": ["view", "acknowledge", "write", "configure", "administer", "audit"],
        "CommandState": "sealbus.web.devices.models.STATE_CHOICES",
        "LiveState": ["starting", "live", "silent", "cut-off", "history"],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "sealbus.web.api.schema_hooks.describe_problems",
        "sealbus.web.api.schema_hooks.describe_members",
    ],
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
}

LOGGING = {
    "version": 1,
    "incremental": True,
    "loggers": {"django.security.DisallowedHost": {"level": "ERROR"}},
}
SILENCED_SYSTEM_CHECKS = ["security.W008", "security.W005", "security.W021"]
"""W008: there is no plain port that could redirect. W005, W021: HSTS for other names is the operator's decision."""
