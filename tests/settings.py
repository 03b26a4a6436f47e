"""The product's own settings, with an environment that every test run makes alike."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# A key from the machine must not make a test talk to the real relay.
for name in ("HOLYSHEEP_API_KEY", "REDIS_URL", "EMAIL_URL", "EMBEDDED_RELAYS", "DEBUG"):
    os.environ.pop(name, None)
os.environ["SECRET_KEY"] = "for-tests-only-" + "x" * 50
os.environ["HTTPS"] = "false"
os.environ["STATIC_COLLECTED"] = "false"
os.environ["ALLOWED_HOSTS"] = "localhost,127.0.0.1,testserver"
os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "")
# A folder of its own for each run, so that runs beside each other share nothing.
if not os.environ.get("TEST_DATA_DIR"):
    os.environ["TEST_DATA_DIR"] = tempfile.mkdtemp(prefix="tram-tests-")
    # Only by who made it: the other processes of the run find it in the environment.
    atexit.register(shutil.rmtree, os.environ["TEST_DATA_DIR"], ignore_errors=True)
os.environ["DATA_DIR"] = os.environ["TEST_DATA_DIR"]

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES  # noqa: E402

TESTS_DIR = Path(__file__).resolve().parent
# Slow on purpose in production; a test signs in many people.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
if "TEST_DATABASE_TEMPLATE" in os.environ:
    # Migrated already.
    DATABASES["default"]["TEST"] = {"TEMPLATE": os.environ["TEST_DATABASE_TEMPLATE"]}
