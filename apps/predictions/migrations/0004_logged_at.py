import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('predictions', '0003_share_traffic'),
    ]

    operations = [
        migrations.AddField(
            model_name='predictionlog',
            name='logged_at',
            field=models.DateTimeField(
                auto_now_add=True,
                default=django.utils.timezone.now,
                help_text='When it was written, which may be long after.',
            ),
            preserve_default=False,
        ),
        migrations.AddIndex(
            model_name='predictionlog',
            index=models.Index(fields=['model', 'logged_at', 'id'], name='prediction_as_logged'),
        ),
    ]
