"""Django's settings, made from the environment (`config.options` lists what it may say)."""

import os

import django_stubs_ext

from config import backends, logs
from config.database import database
from config.environment import SettingInvalid, read
from config.options import (
    BASE_DIR,
    Accounts,
    Batches,
    Limits,
    Money,
    Nodes,
    Relay,
    Site,
    Sockets,
    StoredRelays,
    Turns,
)
from config.security import CONTENT_SECURITY_POLICY as CONTENT_SECURITY_POLICY

# Lets `QuerySet[Turn]` and the like be written where Django's classes take no parameters.
django_stubs_ext.monkeypatch()

SITE = read(Site, os.environ)
ACCOUNTS = read(Accounts, os.environ)
TURNS = read(Turns, os.environ)
BATCHES = read(Batches, os.environ)
NODES = read(Nodes, os.environ)
SOCKETS = read(Sockets, os.environ)
RELAY = read(Relay, os.environ)
LIMITS = read(Limits, os.environ)
MONEY = read(Money, os.environ)
STORED_RELAYS = read(StoredRelays, os.environ)
RELAY.addresses()  # A wrong one ends the start here, not the first turn.

DATA_DIR = SITE.data_dir
RELAY_KEY_SECRETS = STORED_RELAYS.secrets(DATA_DIR)
RELAY_PRIVATE_NETWORKS = STORED_RELAYS.networks()
DEBUG = SITE.debug
ALLOWED_HOSTS = list(SITE.hosts())
# The exact origins whose pages may open the socket or post a form.
ORIGINS = SITE.exact_origins()
CORS_ORIGINS = SITE.foreign_origins()
CSRF_TRUSTED_ORIGINS = list(ORIGINS)
SECRET_KEY = SITE.secret()
# What Prometheus brings; empty: there is no such door.
METRICS_TOKEN = SITE.scraper_token()
if not SECRET_KEY:
    raise SettingInvalid("SECRET_KEY", "set (`make up` makes one and keeps it in DATA_DIR)")

INSTALLED_APPS = [
    "channels",
    "config.admin.TramAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.usersessions",
    "csp",
    "import_export",
    "ninja",
    "accounts",
    "billing",
    "chat",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.security.security_headers",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "chat.views.restarting.say_that_it_restarts",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": database(SITE.database_url, DATA_DIR, SITE.database_pool_size)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": backends.cache(SITE.redis_url)}
CHANNEL_LAYERS = {"default": backends.channel_layer(SITE.redis_url)}
globals().update(backends.mail(SITE.email_url))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = SITE.email_from

# People. Sign-in, sign-up and second factors are allauth's.
AUTH_USER_MODEL = "accounts.User"
# This one alone (it has Django's permissions too): with Django's beside it, refusing an unknown
# name took twice as long as refusing a wrong password, and told who has an account.
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
SIGNUP_OPEN = ACCOUNTS.signup_open
# Money.
LEDGER_KEYS = MONEY.keys(SECRET_KEY, DATA_DIR)
LEDGER_ANCHORS_DIR = MONEY.anchors(DATA_DIR)
BILLING_ZONE = MONEY.checked_zone()
STATEMENT_ZONES = MONEY.checked_statement_zones()
TOPUP_USD_PER_CNY = MONEY.topup_usd_per_cny
DEFAULT_PRICE_USD = MONEY.checked_default_price()
SPEND_WEBHOOK_URL = MONEY.webhook()
SIGNUP_CREDIT_USD = ACCOUNTS.signup_credit_usd
DEMO = ACCOUNTS.demo
DEMO_PASSWORD = ACCOUNTS.demo_password
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {"login": "accounts.forms.LoginForm", "signup": "accounts.forms.SignupForm"}
USERSESSIONS_ADAPTER = "accounts.adapter.SessionsAdapter"
# How long a login lasts is the installation's choice, not a box to tick.
ACCOUNT_SESSION_REMEMBER = True
# Beside allauth's own: tries to redeem a code.
ACCOUNT_RATE_LIMITS = {"redeem_code": "10/10m/user,30/10m/ip", "make_key": "60/h/user"}
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Tram] "
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
# Without a mail server nobody could confirm anything.
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if SITE.email_url else "none"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if SITE.https else "http"
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if SITE.behind_proxy else 0
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "Tram"
# People whom an administrator made have no address to confirm, and need a second factor most.
MFA_ALLOW_UNVERIFIED_EMAIL = True
# A security key works on plain http only on this very machine, for trying it out.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not SITE.https

# Cookies and transport. `__Host-` binds a cookie to this very host, over https, for all paths.
COOKIE_PREFIX = "__Host-tram-" if SITE.https else "tram-"
SESSION_COOKIE_NAME = COOKIE_PREFIX + "session"
SESSION_COOKIE_AGE = ACCOUNTS.session_days * 24 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = SITE.https
CSRF_COOKIE_NAME = COOKIE_PREFIX + "csrf"
LANGUAGE_COOKIE_NAME = COOKIE_PREFIX + "language"
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
SECURE_SSL_REDIRECT = SITE.https
# Probes of a load balancer and Prometheus come from inside, by plain http.
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^ready$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if SITE.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SITE.https
# To be in the browsers' preload list is a decision for a whole domain, not for a chat on it.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
# Not "no-referrer": browsers would then send `Origin: null` with forms, which CSRF checks refuse.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if SITE.behind_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Languages.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("vi", "Tiếng Việt"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "config" / "locale"]
FORMAT_MODULE_PATH = "config.formats"
USE_TZ = True
TIME_ZONE = "UTC"

# Static files.
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [path for path in [BASE_DIR / "frontend" / "build"] if path.is_dir()]
STATIC_STORAGE = (
    "servestatic.storage.CompressedManifestStaticFilesStorage"
    if SITE.static_collected
    else "django.contrib.staticfiles.storage.StaticFilesStorage"
)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": STATIC_STORAGE},
}
SERVESTATIC_USE_FINDERS = not SITE.static_collected
SERVESTATIC_USE_MANIFEST = SITE.static_collected
SERVESTATIC_AUTOREFRESH = DEBUG
SERVESTATIC_ALLOW_ALL_ORIGINS = False
# The page's chunks carry a hash of their own and call each other by it.
SERVESTATIC_KEEP_ONLY_HASHED_FILES = False

# No log and no error page shows these.
SECRETS = (
    SECRET_KEY,
    METRICS_TOKEN,
    *LEDGER_KEYS,
    SPEND_WEBHOOK_URL,
    RELAY.api_key,
    *RELAY_KEY_SECRETS,
)
DEFAULT_EXCEPTION_REPORTER = "config.error_pages.Report"
DEFAULT_EXCEPTION_REPORTER_FILTER = "config.error_pages.Filter"
LOGGING_CONFIG = None
logs.configure(
    level=SITE.log_level,
    pretty=DEBUG,
    secrets=SECRETS,
)
