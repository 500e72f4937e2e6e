"""Subjects that clients named as they liked become keyed pseudonyms; the ids themselves are kept no longer."""

from django.db import migrations

from apps.workspaces.subjects import SHAPE, pseudonym


def hide(apps, schema_editor):
    """Replace each id, row by row."""
    rows = apps.get_model("feedback", "Feedback").objects.using(schema_editor.connection.alias)
    for row in rows.exclude(subject="").select_related("model").iterator(1_000):
        if not SHAPE.fullmatch(row.subject):
            row.subject = pseudonym(row.model.workspace_id, row.subject)
            row.giver = f"subject:{row.subject}"
            row.save(update_fields=["subject", "giver"])


class Migration(migrations.Migration):

    dependencies = [("feedback", "0001_feedback"), ("registry", "0004_automatic_choice")]

    operations = [migrations.RunPython(hide, migrations.RunPython.noop)]
