from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('predictions', '0004_logged_at'),
    ]

    operations = [
        migrations.AddField(
            model_name='predictionlog',
            name='passed_on',
            field=models.CharField(
                blank=True, default='', help_text='Why the challenger, whose turn it was, did not answer it.', max_length=200
            ),
        ),
        migrations.AddField(
            model_name='trafficsplit',
            name='so_far',
            field=models.JSONField(default=dict),
        ),
    ]
