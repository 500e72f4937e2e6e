from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('feedback', '0003_samples_history_and_files'),
    ]

    operations = [
        migrations.AddField(
            model_name='labelfile',
            name='givers',
            field=models.PositiveIntegerField(null=True),
        ),
    ]
