# Made by makemigrations from the models; remade, not added to, until the first release

import django.core.validators
import django.db.models.deletion
from sealbus.web.devices.migrations._first_rows import OPERATIONS
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='AllowedNetwork',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('network', models.CharField(max_length=253)),
                ('ports', models.CharField(default='502,802', max_length=200)),
                ('text', models.CharField(blank=True, max_length=500)),
            ],
            options={
                'ordering': ('network', 'id'),
                'constraints': [models.UniqueConstraint(fields=('network',), name='devices_network_once')],
            },
        ),
        migrations.CreateModel(
            name='Connection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('enabled', models.BooleanField(default=True)),
                ('archived_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('name', models.CharField(max_length=100)),
                ('text', models.CharField(blank=True, max_length=500)),
                ('url', models.CharField(max_length=500)),
                ('identity', models.CharField(blank=True, max_length=100, validators=[django.core.validators.RegexValidator('^[A-Za-z0-9_][A-Za-z0-9_.-]*\\Z', 'letters, digits and _ . - only')])),
                ('timeout_s', models.FloatField(default=1.0)),
                ('connect_timeout_s', models.FloatField(default=5.0)),
                ('connect_delay_s', models.FloatField(default=0.0)),
                ('gap_s', models.FloatField(default=0.0)),
                ('turnaround_s', models.FloatField(default=0.1)),
                ('in_flight', models.PositiveSmallIntegerField(default=1)),
                ('connections', models.PositiveSmallIntegerField(default=1)),
                ('lenient_transaction_id', models.BooleanField(default=False)),
                ('lenient_unit_id', models.BooleanField(default=False)),
                ('local_echo', models.BooleanField(default=False)),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='connections', to='accounts.group')),
            ],
            options={
                'ordering': ('name', 'id'),
            },
        ),
        migrations.CreateModel(
            name='Device',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('enabled', models.BooleanField(default=True)),
                ('archived_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('name', models.CharField(max_length=100)),
                ('text', models.CharField(blank=True, max_length=500)),
                ('unit_id', models.PositiveSmallIntegerField(default=1)),
                ('max_registers', models.PositiveSmallIntegerField(default=125)),
                ('max_bits', models.PositiveSmallIntegerField(default=2000)),
                ('gap_registers', models.PositiveSmallIntegerField(default=8)),
                ('gap_bits', models.PositiveSmallIntegerField(default=128)),
                ('forbidden', models.JSONField(blank=True, default=list)),
                ('template_name', models.CharField(blank=True, editable=False, max_length=100)),
                ('template_version', models.PositiveIntegerField(blank=True, editable=False, null=True)),
                ('connection', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='devices', to='devices.connection')),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='devices', to='accounts.group')),
            ],
            options={
                'ordering': ('name', 'id'),
            },
        ),
        migrations.CreateModel(
            name='Command',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('test', 'test'), ('read', 'read'), ('scan_units', 'scan_units'), ('scan_registers', 'scan_registers'), ('sunspec', 'sunspec'), ('write', 'write')], max_length=16)),
                ('tags', models.JSONField(default=list)),
                ('arguments', models.JSONField(default=dict)),
                ('within_s', models.FloatField(default=30.0)),
                ('actor_kind', models.CharField(max_length=16)),
                ('actor_id', models.PositiveBigIntegerField()),
                ('actor_name', models.CharField(max_length=200)),
                ('actor_address', models.CharField(blank=True, max_length=64)),
                ('token_key', models.CharField(blank=True, max_length=25)),
                ('requested_at', models.DateTimeField()),
                ('deadline', models.DateTimeField()),
                ('state', models.CharField(choices=[('requested', 'requested'), ('waiting', 'waiting'), ('approved', 'approved'), ('claimed', 'claimed'), ('sent', 'sent'), ('done', 'done'), ('failed', 'failed'), ('differs', 'differs'), ('unknown', 'unknown'), ('expired', 'expired'), ('withdrawn', 'withdrawn'), ('rejected', 'rejected'), ('refused', 'refused')], default='requested', max_length=16)),
                ('claimed_by', models.CharField(blank=True, max_length=100)),
                ('claimed_at', models.DateTimeField(null=True)),
                ('sent_at', models.DateTimeField(null=True)),
                ('withdraw_requested_at', models.DateTimeField(null=True)),
                ('done', models.PositiveIntegerField(default=0)),
                ('total', models.PositiveIntegerField(default=0)),
                ('progress_text', models.CharField(blank=True, max_length=500)),
                ('reason', models.CharField(blank=True, max_length=1000)),
                ('result', models.JSONField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.group')),
                ('connection', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='devices.connection')),
                ('device', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='devices.device')),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='RetentionClass',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True)),
                ('raw_days', models.PositiveIntegerField(default=90)),
                ('minute_days', models.PositiveIntegerField(default=400)),
                ('hour_days', models.PositiveIntegerField(default=3650)),
                ('day_days', models.PositiveIntegerField(blank=True, null=True)),
                ('hold_s', models.FloatField(default=3600.0)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
            ],
            options={
                'ordering': ('name',),
                'constraints': [models.CheckConstraint(condition=models.Q(('hour_days__gte', models.F('minute_days')), ('minute_days__gte', models.F('raw_days')), ('raw_days__gte', 1)), name='devices_retention_order'), models.CheckConstraint(condition=models.Q(('day_days__isnull', True), ('day_days__gte', models.F('hour_days')), _connector='OR'), name='devices_retention_days'), models.CheckConstraint(condition=models.Q(('hold_s__gte', 1), ('hold_s__lte', 604800)), name='devices_retention_hold')],
            },
        ),
        migrations.CreateModel(
            name='SerialPattern',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('pattern', models.CharField(max_length=200, unique=True)),
                ('text', models.CharField(blank=True, max_length=500)),
            ],
            options={
                'ordering': ('pattern',),
                'constraints': [models.CheckConstraint(condition=models.Q(('pattern__startswith', '/')), name='devices_serial_whole_path')],
            },
        ),
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('enabled', models.BooleanField(default=True)),
                ('archived_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('name', models.CharField(max_length=100)),
                ('text', models.CharField(blank=True, max_length=500)),
                ('unit', models.CharField(blank=True, max_length=32)),
                ('decimals', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('enumeration', models.JSONField(blank=True, default=dict)),
                ('place', models.CharField(blank=True, max_length=20)),
                ('type', models.CharField(blank=True, max_length=16)),
                ('order', models.CharField(choices=[('ABCD', 'ABCD'), ('CDAB', 'CDAB'), ('BADC', 'BADC'), ('DCBA', 'DCBA')], default='ABCD', max_length=4)),
                ('length', models.PositiveSmallIntegerField(default=0)),
                ('bit', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('bit_width', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('scale', models.FloatField(default=1.0)),
                ('offset', models.FloatField(default=0.0)),
                ('raw_low', models.FloatField(blank=True, null=True)),
                ('raw_high', models.FloatField(blank=True, null=True)),
                ('scaled_low', models.FloatField(blank=True, null=True)),
                ('scaled_high', models.FloatField(blank=True, null=True)),
                ('low', models.FloatField(blank=True, null=True)),
                ('high', models.FloatField(blank=True, null=True)),
                ('normal_low', models.FloatField(blank=True, null=True)),
                ('normal_high', models.FloatField(blank=True, null=True)),
                ('is_key', models.BooleanField(default=False)),
                ('sentinels', models.JSONField(blank=True, default=list)),
                ('sunspec', models.BooleanField(default=False)),
                ('sunspec_type', models.CharField(blank=True, max_length=16)),
                ('expression', models.CharField(blank=True, max_length=1000)),
                ('inputs', models.JSONField(blank=True, default=dict)),
                ('interval_s', models.FloatField(blank=True, default=1.0, null=True)),
                ('dead_band', models.FloatField(default=0.0)),
                ('max_interval_s', models.FloatField(default=600.0)),
                ('stale_after_s', models.FloatField(blank=True, null=True)),
                ('writable', models.BooleanField(default=False)),
                ('write_min', models.FloatField(blank=True, null=True)),
                ('write_max', models.FloatField(blank=True, null=True)),
                ('write_step', models.FloatField(blank=True, null=True)),
                ('needs_confirmation', models.BooleanField(default=True)),
                ('needs_second_person', models.BooleanField(default=False)),
                ('needs_reason', models.BooleanField(default=False)),
                ('device', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tags', to='devices.device')),
                ('retention', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tags', to='devices.retentionclass')),
            ],
            options={
                'ordering': ('device__name', 'name', 'id'),
            },
        ),
        migrations.CreateModel(
            name='Template',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('number', models.PositiveIntegerField(default=1)),
                ('manufacturer', models.CharField(blank=True, max_length=100)),
                ('model', models.CharField(blank=True, max_length=100)),
                ('text', models.CharField(blank=True, max_length=1000)),
                ('body', models.JSONField()),
                ('shipped', models.BooleanField(default=False, editable=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('archived_at', models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                'ordering': ('name', '-number'),
                'constraints': [models.UniqueConstraint(fields=('name', 'number'), name='devices_template_version'), models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='devices_template_number')],
            },
        ),
        migrations.AddConstraint(
            model_name='connection',
            constraint=models.UniqueConstraint(condition=models.Q(('archived_at__isnull', True)), fields=('group', 'name'), name='devices_connection_name'),
        ),
        migrations.AddConstraint(
            model_name='connection',
            constraint=models.CheckConstraint(condition=models.Q(('timeout_s__gte', 0.01), ('timeout_s__lte', 60)), name='devices_connection_timeout'),
        ),
        migrations.AddConstraint(
            model_name='connection',
            constraint=models.CheckConstraint(condition=models.Q(('connect_timeout_s__gte', 0.1), ('connect_timeout_s__lte', 60)), name='devices_connection_connect_timeout'),
        ),
        migrations.AddConstraint(
            model_name='connection',
            constraint=models.CheckConstraint(condition=models.Q(('connect_delay_s__gte', 0), ('connect_delay_s__lte', 60)), name='devices_connection_connect_delay'),
        ),
        migrations.AddConstraint(
            model_name='connection',
            constraint=models.CheckConstraint(condition=models.Q(('gap_s__gte', 0), ('gap_s__lte', 60)), name='devices_connection_gap'),
        ),
        migrations.AddConstraint(
            model_name='connection',
            constraint=models.CheckConstraint(condition=models.Q(('turnaround_s__gte', 0), ('turnaround_s__lte', 60)), name='devices_connection_turnaround'),
        ),
        migrations.AddConstraint(
            model_name='connection',
            constraint=models.CheckConstraint(condition=models.Q(('in_flight__gte', 1), ('in_flight__lte', 64)), name='devices_connection_in_flight'),
        ),
        migrations.AddConstraint(
            model_name='connection',
            constraint=models.CheckConstraint(condition=models.Q(('connections__gte', 1), ('connections__lte', 16)), name='devices_connection_connections'),
        ),
        migrations.AddConstraint(
            model_name='connection',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lenient_transaction_id', False), ('lenient_unit_id', False)), ('in_flight', 1), _connector='OR'), name='devices_connection_lenient_alone'),
        ),
        migrations.AddConstraint(
            model_name='device',
            constraint=models.UniqueConstraint(condition=models.Q(('archived_at__isnull', True)), fields=('group', 'name'), name='devices_device_name'),
        ),
        migrations.AddConstraint(
            model_name='device',
            constraint=models.CheckConstraint(condition=models.Q(('unit_id__gte', 0), ('unit_id__lte', 255)), name='devices_device_unit'),
        ),
        migrations.AddConstraint(
            model_name='device',
            constraint=models.CheckConstraint(condition=models.Q(('max_registers__gte', 1), ('max_registers__lte', 125)), name='devices_device_max_registers'),
        ),
        migrations.AddConstraint(
            model_name='device',
            constraint=models.CheckConstraint(condition=models.Q(('max_bits__gte', 1), ('max_bits__lte', 2000)), name='devices_device_max_bits'),
        ),
        migrations.AddConstraint(
            model_name='device',
            constraint=models.CheckConstraint(condition=models.Q(('gap_registers__gte', 0), ('gap_registers__lte', 124)), name='devices_device_gap_registers'),
        ),
        migrations.AddConstraint(
            model_name='device',
            constraint=models.CheckConstraint(condition=models.Q(('gap_bits__gte', 0), ('gap_bits__lte', 1999)), name='devices_device_gap_bits'),
        ),
        migrations.AddIndex(
            model_name='command',
            index=models.Index(condition=models.Q(('state__in', ['requested', 'waiting', 'approved', 'claimed', 'sent'])), fields=['state', 'deadline'], name='devices_command_open'),
        ),
        migrations.AddIndex(
            model_name='command',
            index=models.Index(fields=['actor_id', '-id'], name='devices_command_actor'),
        ),
        migrations.AddConstraint(
            model_name='command',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['test', 'read', 'scan_units', 'scan_registers', 'sunspec', 'write'])), name='devices_command_kind'),
        ),
        migrations.AddConstraint(
            model_name='command',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'write'), ('state__in', ['requested', 'waiting', 'approved', 'claimed', 'sent', 'done', 'failed', 'differs', 'unknown', 'expired', 'withdrawn', 'rejected', 'refused'])), ('state__in', ['requested', 'claimed', 'done', 'failed', 'expired', 'withdrawn', 'refused']), _connector='OR'), name='devices_command_state'),
        ),
        migrations.AddConstraint(
            model_name='command',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', True), ('state__in', ['requested', 'waiting', 'approved', 'claimed', 'sent'])), models.Q(models.Q(('state__in', ['requested', 'waiting', 'approved', 'claimed', 'sent']), _negated=True), ('finished_at__isnull', False)), _connector='OR'), name='devices_command_finished'),
        ),
        migrations.AddConstraint(
            model_name='command',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['claimed', 'sent']), _negated=True), models.Q(('claimed_at__isnull', False), models.Q(('claimed_by', ''), _negated=True)), _connector='OR'), name='devices_command_claimed'),
        ),
        migrations.AddConstraint(
            model_name='command',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'write'), _negated=True), ('sent_at__isnull', False), models.Q(('state__in', ['sent', 'done', 'differs', 'unknown']), _negated=True), _connector='OR'), name='devices_command_sent'),
        ),
        migrations.AddConstraint(
            model_name='command',
            constraint=models.CheckConstraint(condition=models.Q(('within_s__gt', 0), ('within_s__lte', 3600)), name='devices_command_within'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.UniqueConstraint(condition=models.Q(('archived_at__isnull', True)), fields=('device', 'name'), name='devices_tag_name'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('place', ''), models.Q(('expression', ''), _negated=True)), models.Q(models.Q(('place', ''), _negated=True), ('expression', ''), ('interval_s__isnull', False)), _connector='OR'), name='devices_tag_place_or_expression'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(('writable', False), ('place__startswith', 'coils:'), ('place__startswith', 'holding:'), _connector='OR'), name='devices_tag_writable_place'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('raw_high__isnull', True), ('raw_low__isnull', True), ('scaled_high__isnull', True), ('scaled_low__isnull', True)), models.Q(('raw_high__isnull', False), ('raw_low__isnull', False), ('scaled_high__isnull', False), ('scaled_low__isnull', False), models.Q(('raw_low', models.F('raw_high')), _negated=True)), _connector='OR'), name='devices_tag_linear_whole'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(('low__isnull', True), ('high__isnull', True), ('low__lte', models.F('high')), _connector='OR'), name='devices_tag_range'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(('normal_low__isnull', True), ('normal_high__isnull', True), ('normal_low__lte', models.F('normal_high')), _connector='OR'), name='devices_tag_normal_range'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(('write_min__isnull', True), ('write_max__isnull', True), ('write_min__lte', models.F('write_max')), _connector='OR'), name='devices_tag_write_range'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(('write_step__isnull', True), ('write_step__gt', 0), _connector='OR'), name='devices_tag_write_step'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(('order__in', ['ABCD', 'CDAB', 'BADC', 'DCBA'])), name='devices_tag_order'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(('scale', 0), _negated=True), name='devices_tag_scale'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(('dead_band__gte', 0)), name='devices_tag_dead_band'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(('length__gte', 0), ('length__lte', 125)), name='devices_tag_length'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(('bit__gte', 0), ('bit__lte', 63)), name='devices_tag_bit'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(('bit_width__gte', 1), ('bit_width__lte', 64)), name='devices_tag_bit_width'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(('interval_s__gte', 0.05), ('interval_s__lte', 604800)), name='devices_tag_interval'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(('max_interval_s__gte', 1), ('max_interval_s__lte', 604800)), name='devices_tag_max_interval'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(('stale_after_s__gte', 0.1), ('stale_after_s__lte', 1209600)), name='devices_tag_stale'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(('decimals__gte', 0), ('decimals__lte', 12)), name='devices_tag_decimals'),
        ),
        *OPERATIONS,  # what no model describes
    ]
