from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0004_automatic_choice")]

    operations = [
        migrations.AddField(
            model_name="modelversion",
            name="files_removed_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="Since when it cannot go live any more.", null=True
            ),
        ),
    ]
