"""The audit trail refuses updates and deletes."""

from django.db import migrations

from apps.workspaces import audit_lock


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0001_initial")]

    operations = [
        migrations.RunPython(
            lambda apps, schema_editor: audit_lock.install(schema_editor.connection),
            lambda apps, schema_editor: audit_lock.remove(schema_editor.connection),
        )
    ]
