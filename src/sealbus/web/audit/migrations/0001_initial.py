# Made by makemigrations from the models; remade, not added to, until the first release

from sealbus.web.audit.migrations._triggers import OPERATIONS
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Outlet',
            fields=[
                ('name', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('sequence', models.PositiveBigIntegerField(default=0)),
                ('settled', models.PositiveBigIntegerField(default=0)),
                ('problem', models.CharField(blank=True, max_length=500)),
                ('changed_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Source',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True)),
                ('folder', models.CharField(max_length=500)),
                ('sequence', models.PositiveBigIntegerField(default=0)),
                ('last_hash', models.CharField(blank=True, max_length=64)),
                ('proven_hash', models.CharField(blank=True, max_length=64)),
                ('broken', models.CharField(blank=True, max_length=500)),
                ('taken_at', models.DateTimeField(null=True)),
                ('problem', models.CharField(blank=True, max_length=500)),
            ],
        ),
        migrations.CreateModel(
            name='ChainHead',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('sequence', models.PositiveBigIntegerField(default=0)),
                ('hash', models.CharField(default='0000000000000000000000000000000000000000000000000000000000000000', max_length=64)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='audit_one_head')],
            },
        ),
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('sequence', models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ('time', models.DateTimeField(db_index=True)),
                ('actor_kind', models.CharField(max_length=16)),
                ('actor_id', models.PositiveBigIntegerField(null=True)),
                ('actor_name', models.CharField(blank=True, db_index=True, max_length=200)),
                ('address', models.CharField(blank=True, max_length=64)),
                ('action', models.CharField(db_index=True, max_length=64)),
                ('target_kind', models.CharField(blank=True, max_length=32)),
                ('target_id', models.CharField(blank=True, max_length=64)),
                ('target_name', models.CharField(blank=True, max_length=200)),
                ('result', models.CharField(choices=[('done', 'Done'), ('refused', 'Refused'), ('failed', 'Failed'), ('unknown', 'Unknown')], max_length=16)),
                ('detail', models.JSONField(default=dict)),
                ('previous_hash', models.CharField(max_length=64)),
                ('hash', models.CharField(max_length=64)),
            ],
            options={
                'ordering': ('-sequence',),
                'indexes': [models.Index(fields=['target_kind', 'target_id'], name='audit_target')],
            },
        ),
        *OPERATIONS,  # what no model describes
    ]
