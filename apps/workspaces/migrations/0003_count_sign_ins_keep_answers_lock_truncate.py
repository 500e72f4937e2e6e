"""Failed sign-ins are counted, first answers kept as they left, and the audit trail refuses TRUNCATE and REPLACE."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from apps.core.api.renderers import dump_json
from apps.workspaces import audit_lock


def keep_bodies_as_text(apps, schema_editor):
    """Turn kept bodies into answers; those that may hold a clear key, or tell of no work done, go."""
    records = apps.get_model("workspaces", "IdempotencyRecord").objects
    records.filter(Q(route__endswith="/keys/") | Q(status=None) | (Q(status__gte=300) & ~Q(status=422))).delete()
    for record in records.iterator():
        record.answer = "" if record.body is None else dump_json(record.body).decode()
        record.save(update_fields=["answer"])


class Migration(migrations.Migration):

    dependencies = [
        ('workspaces', '0002_audit_is_append_only'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='FailedSignIn',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name_digest', models.CharField(max_length=64)),
                ('address_digest', models.CharField(blank=True, max_length=64)),
                ('at', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name='KnownAddress',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address_digest', models.CharField(max_length=64)),
                ('seen_at', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.AddField(
            model_name='idempotencyrecord',
            name='answer',
            field=models.TextField(null=True),
        ),
        migrations.RunPython(keep_bodies_as_text, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='idempotencyrecord',
            name='body',
        ),
        migrations.AddField(
            model_name='idempotencyrecord',
            name='target_id',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='idempotencyrecord',
            name='workspace',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='workspaces.workspace'),
        ),
        migrations.AlterConstraint(
            model_name='membership',
            name='one_membership_a_user',
            constraint=models.UniqueConstraint(fields=('workspace', 'user'), name='one_membership_a_user', violation_error_message='This user is a member already; change the role instead.'),
        ),
        migrations.AddIndex(
            model_name='failedsignin',
            index=models.Index(fields=['name_digest', 'at'], name='failed_sign_ins_of_name'),
        ),
        migrations.AddIndex(
            model_name='failedsignin',
            index=models.Index(fields=['address_digest', 'at'], name='failed_sign_ins_of_address'),
        ),
        migrations.AddField(
            model_name='knownaddress',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='knownaddress',
            constraint=models.UniqueConstraint(fields=('user', 'address_digest'), name='one_row_a_known_address'),
        ),
        migrations.RunPython(
            lambda apps, schema_editor: audit_lock.install_anew(schema_editor.connection), migrations.RunPython.noop
        ),
    ]
