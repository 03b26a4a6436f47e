"""Keeps the audit log append-only."""

from django.db import migrations

from accounts.guards import create_guards


def forwards(_apps, schema_editor):
    create_guards(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
