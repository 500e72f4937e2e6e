"""The audit trail becomes a chain of hashes; what is there is chained in the order in which it was written."""

from django.db import migrations, models
from django.utils import timezone

from apps.workspaces import audit_lock
from apps.workspaces.audit_chain import FIRST, append, chain_of


def chain_what_is_there(apps, schema_editor):
    """Chain the entries of each workspace, and those of none."""
    alias = schema_editor.connection.alias
    entries = apps.get_model("workspaces", "AuditEntry").objects.using(alias)
    links = apps.get_model("workspaces", "AuditLink").objects.using(alias)
    heads = apps.get_model("workspaces", "AuditHead").objects.using(alias)
    for workspace_id in list(entries.order_by().values_list("workspace_id", flat=True).distinct()):
        head = heads.create(chain=chain_of(workspace_id), hash=FIRST, at=timezone.now())
        append(head, entries.filter(workspace_id=workspace_id), links)


class Migration(migrations.Migration):

    dependencies = [
        ('workspaces', '0003_count_sign_ins_keep_answers_lock_truncate'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditHead',
            fields=[
                ('chain', models.CharField(max_length=36, primary_key=True, serialize=False)),
                ('entries', models.PositiveBigIntegerField(default=0)),
                ('last_entry', models.BigIntegerField(default=0, help_text='The largest id of an entry that is chained.')),
                ('hash', models.CharField(max_length=64)),
                ('at', models.DateTimeField()),
            ],
            options={
                'ordering': ['chain'],
            },
        ),
        migrations.CreateModel(
            name='AuditLink',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('chain', models.CharField(blank=True, help_text="The workspace's id, empty for the entries of none.", max_length=36)),
                ('place', models.PositiveBigIntegerField(help_text='In the chain, from 1.')),
                ('entry_id', models.BigIntegerField(unique=True)),
                ('hash', models.CharField(max_length=64)),
            ],
            options={
                'ordering': ['chain', 'place'],
                'constraints': [models.UniqueConstraint(fields=('chain', 'place'), name='one_link_a_place')],
            },
        ),
        migrations.RunPython(chain_what_is_there, migrations.RunPython.noop),
        migrations.RunPython(
            lambda apps, schema_editor: audit_lock.install_anew(schema_editor.connection), migrations.RunPython.noop
        ),
    ]
