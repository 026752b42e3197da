# Made by makemigrations from the models; remade, not added to, until the first release

from sealbus.web.coordination.migrations._first_rows import OPERATIONS
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='CacheEntry',
            fields=[
                ('key', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('value', models.TextField()),
                ('expires_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'db_table': 'web_cache',
            },
        ),
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('name', models.CharField(max_length=100, primary_key=True, serialize=False)),
                ('holder', models.CharField(max_length=100)),
                ('renewed_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Version',
            fields=[
                ('name', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('number', models.PositiveBigIntegerField(default=0)),
            ],
        ),
        *OPERATIONS,  # what no model describes
    ]
