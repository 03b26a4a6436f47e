"""The guards anew: by every key that a row of SQLite could be replaced by."""

from django.db import migrations

from billing.guards import create_guards


def forwards(_apps, schema_editor):
    create_guards(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("billing", "0009_reconciled_parts")]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
