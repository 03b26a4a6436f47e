"""Numbers are unique, and rows are guarded again: altering a table on SQLite lost its triggers."""

from django.db import migrations, models

from billing.guards import create_guards


def forwards(_apps, schema_editor):
    create_guards(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_number_and_chain")]

    operations = [
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.UniqueConstraint(
                fields=("team", "number"), name="billing_transfer_numbered"
            ),
        ),
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
