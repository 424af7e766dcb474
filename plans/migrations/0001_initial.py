"""Plans, their steps and revisions."""

import django.contrib.postgres.fields
import django.db.models.deletion
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('autonomy', '0001_initial'),
        ('perception', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Plan',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='plans', to='perception.account')),
                ('opportunity', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='perception.opportunity')),
                ('contact', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='perception.contact')),
                ('plan_type', models.CharField(max_length=64)),
                ('objective', models.CharField(max_length=500)),
                ('constraints', models.JSONField(default=dict)),
                ('status', models.CharField(choices=[('DRAFT', 'DRAFT'), ('APPROVED', 'APPROVED'), ('ACTIVE', 'ACTIVE'), ('PAUSED', 'PAUSED'), ('COMPLETED', 'COMPLETED'), ('ABORTED', 'ABORTED'), ('EXPIRED', 'EXPIRED')], max_length=9)),
                ('reason', models.CharField(blank=True, default='', max_length=64)),
                ('explanation', models.CharField(blank=True, default='', max_length=1000)),
                ('revision', models.PositiveIntegerField(default=1)),
                ('risk_level', models.CharField(max_length=16)),
                ('source', models.CharField(choices=[('person', 'Person'), ('rules', 'Rules'), ('model', 'Model')], max_length=6)),
                ('rationale', models.CharField(blank=True, default='', max_length=2000)),
                ('baseline', models.JSONField(default=dict)),
                ('owner', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='perception.membership')),
                ('proposed_by', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='perception.membership')),
                ('edited_by', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='perception.membership')),
                ('approved_by', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='perception.membership')),
                ('approval_source', models.CharField(blank=True, choices=[('POLICY', 'Policy'), ('HUMAN', 'Human')], default='', max_length=6)),
                ('contract', models.JSONField(null=True)),
                ('contract_digest', models.CharField(blank=True, default='', max_length=71)),
                ('closing', models.JSONField(null=True)),
                ('objective_met', models.BooleanField(null=True)),
                ('approved_at', models.DateTimeField(null=True)),
                ('activated_at', models.DateTimeField(null=True)),
                ('paused_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('expires_at', models.DateTimeField()),
                ('accept_by', models.DateTimeField(null=True)),
                ('due_at', models.DateTimeField(null=True)),
                ('waits', models.JSONField(default=list)),
                ('failures', models.PositiveSmallIntegerField(default=0)),
                ('error', models.CharField(blank=True, default='', max_length=300)),
                ('created_at', models.DateTimeField()),
                ('updated_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['tenant', 'account', '-id'], name='plan_account'), models.Index(fields=['tenant', 'status', '-id'], name='plan_status'), models.Index(condition=models.Q(('due_at__isnull', False)), fields=['tenant', 'due_at'], name='plan_due')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='plan_id'), models.UniqueConstraint(condition=models.Q(('status', 'ACTIVE')), fields=('tenant', 'account', 'plan_type'), name='plan_one_active'), models.CheckConstraint(condition=models.Q(models.Q(('approved_at__isnull', True), ('status', 'DRAFT')), ('status__in', ['ABORTED', 'EXPIRED']), models.Q(('approved_at__isnull', False), ('contract__isnull', False)), _connector='OR'), name='plan_approved_has_contract'), models.CheckConstraint(condition=models.Q(models.Q(('due_at__isnull', True), ('ended_at__isnull', False), ('status__in', ['COMPLETED', 'ABORTED', 'EXPIRED'])), models.Q(('due_at__isnull', False), ('ended_at__isnull', True), ('status__in', ['DRAFT', 'APPROVED', 'ACTIVE', 'PAUSED'])), _connector='OR'), name='plan_ended_or_due')],
            },
        ),
        migrations.CreateModel(
            name='Revision',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('plan', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='revisions', to='plans.plan')),
                ('number', models.PositiveIntegerField()),
                ('body', models.JSONField()),
                ('changed', models.JSONField(default=list)),
                ('by', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='perception.membership')),
                ('at', models.DateTimeField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='revision_id'), models.UniqueConstraint(fields=('tenant', 'plan', 'number'), name='revision_once')],
            },
        ),
        migrations.CreateModel(
            name='Step',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='perception.tenant')),
                ('plan', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='steps', to='plans.plan')),
                ('step_id', models.UUIDField()),
                ('place', models.PositiveSmallIntegerField()),
                ('action_type', models.CharField(max_length=64)),
                ('parameters', models.JSONField(default=dict)),
                ('depends_on', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None)),
                ('required', models.BooleanField(default=True)),
                ('human_touch', models.BooleanField(default=False)),
                ('only_if', models.CharField(blank=True, default='', max_length=32)),
                ('earliest', models.DateTimeField(null=True)),
                ('latest', models.DateTimeField(null=True)),
                ('max_failures', models.PositiveSmallIntegerField(default=3)),
                ('confidence', models.FloatField(default=0.9)),
                ('status', models.CharField(choices=[('PENDING', 'PENDING'), ('PENDING_APPROVAL', 'PENDING_APPROVAL'), ('RUNNING', 'RUNNING'), ('DONE', 'DONE'), ('AUTO_EXECUTED', 'AUTO_EXECUTED'), ('FAILED', 'FAILED'), ('SKIPPED', 'SKIPPED'), ('CANCELLED', 'CANCELLED')], max_length=16)),
                ('reason', models.CharField(blank=True, default='', max_length=64)),
                ('explanation', models.CharField(blank=True, default='', max_length=1000)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('failures', models.PositiveSmallIntegerField(default=0)),
                ('next_at', models.DateTimeField(null=True)),
                ('intent', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='autonomy.intent')),
                ('waived_by', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='perception.membership')),
                ('waived_at', models.DateTimeField(null=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['tenant', 'plan', 'place'], name='step_place')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='step_row'), models.UniqueConstraint(fields=('tenant', 'plan', 'step_id'), name='step_once'), models.CheckConstraint(condition=models.Q(models.Q(('waived_at__isnull', True), ('waived_by__isnull', True)), models.Q(('waived_at__isnull', False), ('waived_by__isnull', False)), _connector='OR'), name='step_waived')],
            },
        ),
    ]
