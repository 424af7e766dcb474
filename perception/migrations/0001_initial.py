"""Tenants and their people, accounts, connectors, signals, pulls, and what is known."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.db.models.functions.text
import perception.models.warmth
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='Heartbeat',
            fields=[
                ('process', models.CharField(max_length=16, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='KindRate',
            fields=[
                ('kind', models.CharField(choices=[('webhook', 'Webhook'), ('files', 'Files'), ('feed', 'Feed'), ('mailbox', 'Mailbox'), ('calendar', 'Calendar'), ('warehouse', 'Warehouse'), ('http', 'Http'), ('lookup', 'Lookup'), ('tryton', 'Tryton'), ('hubspot', 'Hubspot'), ('salesforce', 'Salesforce'), ('smtp', 'Smtp'), ('chat', 'Chat'), ('outbound', 'Outbound')], max_length=32, primary_key=True, serialize=False)),
                ('rate_per_s', models.FloatField(default=50)),
                ('free_at', models.DateTimeField(blank=True, editable=False, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Person',
            fields=[
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('email', models.EmailField(max_length=254, unique=True)),
                ('name', models.CharField(blank=True, max_length=200)),
                ('is_staff', models.BooleanField(default=False)),
                ('is_active', models.BooleanField(default=True)),
                ('tenant_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), blank=True, default=list, size=None)),
                ('date_joined', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name_plural': 'people',
                'constraints': [models.UniqueConstraint(django.db.models.functions.text.Lower('email'), name='person_email')],
            },
        ),
        migrations.CreateModel(
            name='Tenant',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.GeneratedField(db_persist=True, expression=models.F('id'), output_field=models.UUIDField())),
                ('slug', models.SlugField(max_length=63)),
                ('name', models.CharField(max_length=200)),
                ('timezone', models.CharField(default='UTC', max_length=64)),
                ('previous_timezone', models.CharField(blank=True, default='', max_length=64)),
                ('timezone_since', models.DateTimeField(blank=True, null=True)),
                ('four_eyes', models.BooleanField(default=False)),
                ('digest_hour', models.PositiveSmallIntegerField(default=8)),
                ('quiet_hours', models.JSONField(blank=True, default=dict)),
                ('contact_caps', models.JSONField(blank=True, default=dict)),
                ('default_mode', models.CharField(blank=True, default='', max_length=16)),
                ('exploration_share', models.FloatField(db_default=0.0, default=0.0)),
                ('shares_learning', models.BooleanField(db_default=False, default=False)),
                ('review_share', models.FloatField(db_default=0.0, default=0.0)),
                ('response_days', models.PositiveSmallIntegerField(db_default=7, default=7)),
                ('pull_units_per_day', models.PositiveIntegerField(default=10000)),
                ('cadence', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('slug',), name='tenant_slug'), models.CheckConstraint(condition=models.Q(('digest_hour__lte', 23)), name='tenant_digest_hour'), models.CheckConstraint(condition=models.Q(('exploration_share__gte', 0), ('exploration_share__lte', 1)), name='tenant_exploration_share'), models.CheckConstraint(condition=models.Q(('review_share__gte', 0), ('review_share__lte', 1)), name='tenant_review_share'), models.CheckConstraint(condition=models.Q(('response_days__gte', 1), ('response_days__lte', 90)), name='tenant_response_days')],
            },
        ),
        migrations.CreateModel(
            name='Connector',
            fields=[
                ('rate_per_s', models.FloatField(default=10)),
                ('failures', models.JSONField(default=list, editable=False)),
                ('opened_at', models.DateTimeField(editable=False, null=True)),
                ('probe_until', models.DateTimeField(editable=False, null=True)),
                ('forced_open', models.BooleanField(default=False)),
                ('tokens', models.FloatField(default=0, editable=False)),
                ('filled_at', models.DateTimeField(editable=False, null=True)),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('kind', models.CharField(choices=[('webhook', 'Webhook'), ('files', 'Files'), ('feed', 'Feed'), ('mailbox', 'Mailbox'), ('calendar', 'Calendar'), ('warehouse', 'Warehouse'), ('http', 'Http'), ('lookup', 'Lookup'), ('tryton', 'Tryton'), ('hubspot', 'Hubspot'), ('salesforce', 'Salesforce'), ('smtp', 'Smtp'), ('chat', 'Chat'), ('outbound', 'Outbound')], max_length=32)),
                ('name', models.CharField(max_length=200)),
                ('config', models.JSONField(blank=True, default=dict)),
                ('sealed_secrets', models.TextField(editable=False)),
                ('is_active', models.BooleanField(default=True)),
                ('acts_as', models.CharField(blank=True, db_default='', default='', editable=False, max_length=16)),
                ('units_per_day', models.PositiveIntegerField(default=1000)),
                ('free_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('next_pull_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('pulled_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('last_error', models.CharField(blank=True, editable=False, max_length=300)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('is_active', True), ('next_pull_at__isnull', False)), fields=['tenant', 'next_pull_at'], name='connector_due')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='connector_id'), models.UniqueConstraint(fields=('tenant', 'name'), name='connector_name'), models.UniqueConstraint(condition=models.Q(('acts_as', ''), _negated=True), fields=('tenant', 'acts_as'), name='connector_acts'), models.CheckConstraint(condition=models.Q(('rate_per_s__gt', 0)), name='connector_rate')],
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                ('role', models.CharField(choices=[('SELLER', 'Seller'), ('APPROVER', 'Approver'), ('ADMIN', 'Admin'), ('AUDITOR', 'Auditor'), ('INTEGRATION', 'Integration')], max_length=16)),
                ('is_active', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='membership_id'), models.UniqueConstraint(fields=('tenant', 'person'), name='membership_person')],
            },
        ),
        migrations.CreateModel(
            name='Account',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('external_id', models.CharField(max_length=200)),
                ('name', models.CharField(max_length=200)),
                ('lifecycle', models.CharField(choices=[('PROSPECT', 'Prospect'), ('SUSPECT', 'Suspect'), ('CUSTOMER', 'Customer'), ('CHURNED', 'Churned')], default='PROSPECT', max_length=16)),
                ('owner', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='accounts', to='perception.membership')),
                ('timezone', models.CharField(blank=True, default='', max_length=64)),
                ('heat_score', models.FloatField(default=0)),
                ('heat_tier', models.CharField(choices=[('HOT', 'Hot'), ('WARM', 'Warm'), ('COLD', 'Cold')], default='COLD', max_length=4)),
                ('heat_at', models.DateTimeField(blank=True, null=True)),
                ('next_poll_at', models.DateTimeField(blank=True, db_default=django.db.models.functions.datetime.Now(), null=True)),
                ('deep_at', models.DateTimeField(blank=True, null=True)),
                ('seen_at', models.DateTimeField(blank=True, null=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('news_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('created_at', models.DateTimeField()),
                ('updated_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['tenant', 'owner', '-id'], name='account_owner'), models.Index(fields=['tenant', '-id'], name='account_page'), models.Index(models.F('tenant'), models.OrderBy(django.db.models.functions.comparison.Coalesce(django.db.models.expressions.CombinedExpression(perception.models.warmth._Doublings('heat_score'), '+', perception.models.warmth._HalfLives('heat_at')), models.Value(0.0), output_field=models.FloatField()), descending=True), models.OrderBy(models.F('id'), descending=True), name='account_warmest'), models.Index(condition=models.Q(('closed_at__isnull', True)), fields=['tenant', 'next_poll_at'], name='account_due'), models.Index(condition=models.Q(('news_at__isnull', False)), fields=['tenant', 'news_at'], name='account_news')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='account_id'), models.UniqueConstraint(fields=('tenant', 'external_id'), name='account_external'), models.CheckConstraint(condition=models.Q(('heat_score__gte', 0), ('heat_score__lte', 1)), name='account_heat')],
            },
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('membership', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='tokens', to='perception.membership')),
                ('hash', models.CharField(editable=False, max_length=64)),
                ('hint', models.CharField(editable=False, max_length=8)),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('last_used_at', models.DateTimeField(editable=False, null=True)),
            ],
            options={
                'verbose_name': 'API token',
                'indexes': [models.Index(fields=['tenant', 'membership'], name='token_member')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='token_id'), models.UniqueConstraint(fields=('tenant', 'hash'), name='token_hash')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('connector', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='deliveries', to='perception.connector')),
                ('message', models.CharField(max_length=255)),
                ('status', models.CharField(choices=[('ACCEPTED', 'Accepted'), ('REFUSED', 'Refused')], default='ACCEPTED', max_length=8)),
                ('answer', models.JSONField(null=True)),
                ('body', models.BinaryField(null=True)),
                ('error', models.CharField(blank=True, default='', max_length=500)),
                ('received_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'indexes': [models.Index(fields=['received_at'], name='delivery_age')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'connector', 'message'), name='delivery_once')],
            },
        ),
        migrations.CreateModel(
            name='IdempotencyKey',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('membership', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='perception.membership')),
                ('key', models.CharField(max_length=255)),
                ('digest', models.CharField(max_length=64)),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('headers', models.JSONField(default=dict)),
                ('body', models.BinaryField(null=True)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['created_at'], name='idempotency_age')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'membership', 'key'), name='idempotency_key')],
            },
        ),
        migrations.CreateModel(
            name='PullUse',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('connector', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='perception.connector')),
                ('day', models.DateField()),
                ('used', models.PositiveIntegerField(default=0)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'connector', 'day'), name='pull_use_once', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='Contact',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='contacts', to='perception.account')),
                ('external_id', models.CharField(max_length=200)),
                ('name', models.CharField(max_length=200)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('opted_out', models.BooleanField(default=False)),
                ('erased_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='contact_id'), models.UniqueConstraint(fields=('tenant', 'account', 'external_id'), name='contact_external')],
            },
        ),
        migrations.CreateModel(
            name='Cursor',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('connector', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='cursors', to='perception.connector')),
                ('account', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='perception.account')),
                ('value', models.JSONField(default=dict)),
                ('moved_at', models.DateTimeField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'connector', 'account'), name='cursor_once', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='Interaction',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='interactions', to='perception.account')),
                ('connector', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='perception.connector')),
                ('external_id', models.CharField(max_length=255)),
                ('channel', models.CharField(choices=[('email', 'Email'), ('chat', 'Chat'), ('meeting', 'Meeting'), ('crm', 'Crm')], max_length=8)),
                ('direction', models.CharField(choices=[('in', 'In'), ('out', 'Out'), ('both', 'Both')], max_length=4)),
                ('at', models.DateTimeField()),
                ('participants', models.JSONField(default=list)),
                ('subject', models.CharField(blank=True, default='', max_length=300)),
                ('text', models.TextField(blank=True, default='')),
                ('length', models.PositiveIntegerField(default=0)),
                ('sentiment', models.CharField(blank=True, default='', max_length=8)),
                ('said', models.JSONField(default=list)),
                ('kept_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['tenant', 'account', '-at'], name='interaction_at')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='interaction_id'), models.UniqueConstraint(fields=('tenant', 'account', 'external_id'), name='interaction_external')],
            },
        ),
        migrations.CreateModel(
            name='Opportunity',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='opportunities', to='perception.account')),
                ('external_id', models.CharField(max_length=200)),
                ('stage', models.CharField(choices=[('prospecting', 'Prospecting'), ('discovery', 'Discovery'), ('qualification', 'Qualification'), ('evaluation', 'Evaluation'), ('negotiation', 'Negotiation'), ('closed_won', 'Closed Won'), ('closed_lost', 'Closed Lost'), ('stalled', 'Stalled')], max_length=16)),
                ('amount', models.DecimalField(blank=True, decimal_places=2, max_digits=14, null=True)),
                ('renewal_date', models.DateField(blank=True, null=True)),
            ],
            options={
                'verbose_name_plural': 'opportunities',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='opportunity_id'), models.UniqueConstraint(fields=('tenant', 'account', 'external_id'), name='opportunity_external')],
            },
        ),
        migrations.CreateModel(
            name='Pull',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('connector', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='pulls', to='perception.connector')),
                ('account', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='pulls', to='perception.account')),
                ('key', models.CharField(max_length=120)),
                ('depth', models.CharField(choices=[('SHALLOW', 'Shallow'), ('DEEP', 'Deep')], max_length=7)),
                ('units', models.PositiveSmallIntegerField()),
                ('status', models.CharField(choices=[('QUEUED', 'Queued'), ('RUNNING', 'Running'), ('DONE', 'Done'), ('FAILED', 'Failed')], default='QUEUED', max_length=7)),
                ('due_at', models.DateTimeField()),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('fence', models.PositiveIntegerField(default=0)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('signals', models.PositiveIntegerField(default=0)),
                ('unmatched', models.PositiveIntegerField(default=0)),
                ('error', models.CharField(blank=True, default='', max_length=300)),
                ('created_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('status__in', ['QUEUED', 'RUNNING'])), fields=['tenant', 'due_at'], name='pull_open'), models.Index(fields=['tenant', 'connector', '-id'], name='pull_connector'), models.Index(fields=['tenant', 'account', '-id'], name='pull_account'), models.Index(condition=models.Q(('ended_at__isnull', False)), fields=['ended_at'], name='pull_age')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='pull_id'), models.UniqueConstraint(fields=('tenant', 'key'), name='pull_key'), models.UniqueConstraint(condition=models.Q(('status__in', ['QUEUED', 'RUNNING'])), fields=('tenant', 'connector', 'account'), name='pull_one_open', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='Review',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='perception.account')),
                ('scan_at', models.DateTimeField(null=True)),
                ('scanned_at', models.DateTimeField(null=True)),
                ('summary_at', models.DateTimeField(null=True)),
                ('summarised_at', models.DateTimeField(null=True)),
                ('stale_from', models.DateField(null=True)),
                ('engaged_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('scan_at__isnull', False)), fields=['tenant', 'scan_at'], name='review_scan'), models.Index(condition=models.Q(('summary_at__isnull', False)), fields=['tenant', 'summary_at'], name='review_summary')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'account'), name='review_once')],
            },
        ),
        migrations.CreateModel(
            name='Signal',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='signals', to='perception.account')),
                ('connector', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='perception.connector')),
                ('type', models.CharField(max_length=64)),
                ('is_known', models.BooleanField(default=True)),
                ('source', models.CharField(blank=True, default='', max_length=64)),
                ('dedupe_key', models.CharField(blank=True, default='', max_length=255)),
                ('payload', models.JSONField()),
                ('occurred_at', models.DateTimeField()),
                ('received_at', models.DateTimeField()),
                ('caused_by', models.UUIDField(blank=True, null=True)),
                ('depth', models.PositiveSmallIntegerField(default=0)),
                ('run_id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False)),
                ('entered_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['tenant', 'account', '-id'], name='signal_account'), models.Index(fields=['tenant', '-id'], name='signal_page'), models.Index(condition=models.Q(('entered_at__isnull', True)), fields=['tenant', 'received_at'], name='signal_waiting'), models.Index(condition=models.Q(('type', 'pattern_detected')), fields=['tenant', 'occurred_at'], name='signal_patterns')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='signal_id'), models.UniqueConstraint(condition=models.Q(('dedupe_key', ''), _negated=True), fields=('tenant', 'dedupe_key'), name='signal_dedupe')],
            },
        ),
        migrations.CreateModel(
            name='Summary',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='summaries', to='perception.account')),
                ('span', models.CharField(choices=[('week', 'Week'), ('month', 'Month')], max_length=5)),
                ('starts', models.DateField()),
                ('text', models.TextField()),
                ('facts', models.JSONField(default=dict)),
                ('sources', models.JSONField(default=dict)),
                ('made_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'summaries',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'account', 'span', 'starts'), name='summary_once')],
            },
        ),
    ]
