"""Number the transfers that are there, chain them, and make limits of what was one."""

from django.db import migrations
from django.db.models import F, Q

from billing import chain

TABLE = "billing_transfer"


def forwards(apps, schema_editor):
    _let_change(schema_editor)
    _number(apps)
    _make_limits(apps)
    apps.get_model("billing", "Settlement").objects.update(relay_cost_nano_usd=F("cost_nano_usd"))


def _let_change(schema_editor):
    """Guards are created anew by the next migration."""
    on = f" ON {TABLE}" if schema_editor.connection.vendor == "postgresql" else ""
    schema_editor.execute(f"DROP TRIGGER IF EXISTS {TABLE}_refuse_update{on}")


def _number(apps):
    transfer, account = (apps.get_model("billing", name) for name in ("Transfer", "Account"))
    entries, numbers, macs = {}, {}, {}
    for row in transfer.objects.order_by("id").iterator(chunk_size=2000):
        for id in (row.debit_id, row.credit_id):
            entries[id] = entries.get(id, 0) + 1
        row.debit_entry, row.credit_entry = entries[row.debit_id], entries[row.credit_id]
        row.number = numbers[row.team_id] = numbers.get(row.team_id, 0) + 1
        chain.sign(row, macs.get(row.team_id, ""))
        macs[row.team_id] = row.mac
        transfer.objects.filter(pk=row.pk).update(
            number=row.number,
            debit_entry=row.debit_entry,
            credit_entry=row.credit_entry,
            mac=row.mac,
            key_id=row.key_id,
        )
    for id, count in entries.items():
        account.objects.filter(pk=id).update(entries=count)


def _make_limits(apps):
    budget, limit = (apps.get_model("billing", name) for name in ("Budget", "Limit"))
    for row in budget.objects.filter(Q(scope="installation") | Q(scope="person")):
        owners = (row.team_id, row.person_id, None)
        made = limit.objects.create(
            key=":".join([row.scope, *(str(each or "") for each in owners), "none"]),
            scope=row.scope,
            team_id=row.team_id,
            person_id=row.person_id,
            amount_nano_usd=max(row.granted_nano_usd, 0),
            warn_percents=f"{soft},100" if 0 < (soft := row.soft_limit_percent) < 100 else "100",
        )
        row.limit, row.key = made, f"limit:{made.pk}"
        row.save()


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_limits_codes_and_chain")]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
