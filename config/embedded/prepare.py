"""Bring database, catalogues and static files up to date; runs in `.venv`, before the server."""

import os
from importlib.metadata import version
from pathlib import Path

import django

from config.catalogues.files import compile_all
from config.embedded.page import BUILD
from config.embedded.progress import ROOT, fingerprint, stamp, stamped, step

APPS = ("accounts", "billing", "chat")


def main() -> None:
    """Do every step that is due."""
    compile_all()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    migrate()
    collect_static_files()
    seed_prices()
    seed_demo()


def migrate() -> None:
    """Apply the migrations that the database lacks."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        with step("Preparing the database"):
            call_command("migrate", verbosity=0, interactive=False)


def collect_static_files() -> None:
    """Hash and compress the static files, unless they are the same as the last time."""
    from django.conf import settings
    from django.core.management import call_command

    # Named, because what is collected stands in a folder called static as well.
    apps = [path for app in APPS for path in (ROOT / app / "static").rglob("*")]
    ours = [*BUILD.rglob("*"), *apps, ROOT / "config" / "settings.py"]
    sources = [path for path in ours if path.is_file()]
    # What Django and the packages bring changes with their versions.
    packages = ",".join(
        version(name)
        for name in (
            "django",
            "django-allauth",
            "django-import-export",
            "django-ninja",
            "servestatic",
        )
    )
    wanted = fingerprint(sources) + packages
    stamps = settings.DATA_DIR / "stamps"
    if settings.STATIC_ROOT.is_dir() and stamped("static", wanted, stamps):
        return
    with step("Compressing static files"):
        call_command("collectstatic", verbosity=0, interactive=False, clear=True)
    stamp("static", wanted, stamps)


def seed_prices() -> None:
    """Price the models of the default relay that have no price: without one nobody can ask them."""
    from billing.demo import seed_prices

    seed_prices()


def seed_demo() -> None:
    """Add the demo team, its people and the prices, where they are wanted and missing."""
    from django.conf import settings
    from django.core.management import call_command, get_commands

    if settings.DEMO and "seeddemo" in get_commands():
        with Path(os.devnull).open("w") as nowhere:
            call_command("seeddemo", stdout=nowhere)


if __name__ == "__main__":
    main()
