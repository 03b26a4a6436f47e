"""While nodes are upgraded one after the other, those of the version before write to the new
tables: they name no column that came since."""

from django.db.migrations.loader import MigrationLoader
from django.db.models import NOT_PROVIDED, Field

RELEASED = [
    ("accounts", "0002_audit_guards"),
    ("billing", "0010_guards_anew"),
    ("chat", "0009_attempts_of_reasoning"),
]


def refuses_rows_without(field: "Field[object, object]") -> bool:
    has_column = field.concrete and not field.many_to_many
    return has_column and not field.null and field.db_default is NOT_PROVIDED


def test_the_version_before_may_go_on_writing_rows() -> None:
    loader = MigrationLoader(None)
    before = loader.project_state(RELEASED).apps
    now = loader.project_state(loader.graph.leaf_nodes()).apps
    missing = []
    for old in before.get_models():
        known = {field.name for field in old._meta.local_fields}
        new = now.get_model(old._meta.label)._meta.local_fields
        missing += [
            f"{old._meta.label}.{field.name}"
            for field in new
            if field.name not in known and refuses_rows_without(field)
        ]
    assert missing == []
