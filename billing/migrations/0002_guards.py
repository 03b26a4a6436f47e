"""Ledger rows are never changed: triggers on SQLite and PostgreSQL."""

from django.db import migrations

from billing.guards import create_guards


def forwards(_apps, schema_editor):
    create_guards(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
