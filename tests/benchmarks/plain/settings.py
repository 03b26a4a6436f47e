"""Settings of the plain consumer's project: Channels and nothing else."""

INSTALLED_APPS = ["channels"]
SECRET_KEY = "the plain consumer has no sessions and signs nothing"
ALLOWED_HOSTS = ["127.0.0.1"]
ASGI_APPLICATION = "tests.benchmarks.plain.asgi.application"
USE_TZ = True
