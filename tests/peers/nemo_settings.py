"""Settings by which NEMO runs as a peer of benchmarks: SQLite below NEMO_FLOOR, and no letters.

With NEMO_BILLING set, its plugin NEMO-billing is switched on: rates, invoices and hard caps.
"""

import os
from pathlib import Path

FLOOR = Path(os.environ["NEMO_FLOOR"])
SECRET_KEY = "only for benchmarks on 127.0.0.1"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
AUTH_USER_MODEL = "NEMO.User"
ROOT_URLCONF = "NEMO.urls"
WSGI_APPLICATION = "NEMO.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
ALLOW_CONDITIONAL_URLS = True
SERVER_DOMAIN = "http://127.0.0.1"
SERVER_EMAIL = DEFAULT_FROM_EMAIL = "nemo@localhost"
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
STATIC_URL, MEDIA_URL = "/static/", "/media/"
STATIC_ROOT, MEDIA_ROOT = str(FLOOR / "static"), str(FLOOR / "media")
LOGIN_URL = LOGIN_REDIRECT_URL = "landing"
TIME_ZONE, USE_TZ, USE_I18N = "UTC", True, False
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(FLOOR / "nemo.db")}}
BILLING = ["NEMO_billing", "NEMO_billing.rates", "NEMO_billing.invoices"]
INSTALLED_APPS = [
    *(BILLING if os.environ.get("NEMO_BILLING") else []),
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin",
    "django.contrib.humanize",
    "NEMO.apps.kiosk",
    "NEMO.apps.area_access",
    "NEMO",
    "rest_framework",
    "rest_framework.authtoken",
    "django_filters",
    "mptt",
    "auditlog",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "NEMO.middleware.DeviceDetectionMiddleware",
    "NEMO.middleware.ImpersonateMiddleware",
    "NEMO.middleware.NEMOAuditlogMiddleware",
]
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "NEMO.context_processors.show_logout_button",
                "NEMO.context_processors.base_context",
                "django.contrib.auth.context_processors.auth",
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.template.context_processors.media",
                "django.template.context_processors.static",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
