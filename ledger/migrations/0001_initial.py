"""Entries, what seals them, and exports."""

import django.db.models.functions.datetime
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Checkpoint',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant_id', 'size', blank=True, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField()),
                ('size', models.BigIntegerField()),
                ('root', models.BinaryField(max_length=32)),
                ('frontier', models.BinaryField()),
                ('note', models.TextField()),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('number', models.BigAutoField(primary_key=True, serialize=False)),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False)),
                ('tenant_id', models.UUIDField()),
                ('at', models.DateTimeField()),
                ('kind', models.CharField(choices=[('signal.received', 'signal.received'), ('signal.repeated', 'signal.repeated'), ('trigger.fired', 'trigger.fired'), ('trigger.held', 'trigger.held'), ('gate.judged', 'gate.judged'), ('run.asked', 'run.asked'), ('run.decided', 'run.decided'), ('run.parked', 'run.parked'), ('run.retried', 'run.retried'), ('proposal.refused', 'proposal.refused'), ('intent.proposed', 'intent.proposed'), ('intent.judged', 'intent.judged'), ('intent.blocked', 'intent.blocked'), ('intent.given_up', 'intent.given_up'), ('approval.requested', 'approval.requested'), ('approval.reminded', 'approval.reminded'), ('approval.approved', 'approval.approved'), ('approval.rejected', 'approval.rejected'), ('approval.edited', 'approval.edited'), ('approval.snoozed', 'approval.snoozed'), ('approval.delegated', 'approval.delegated'), ('approval.escalated', 'approval.escalated'), ('approval.expired', 'approval.expired'), ('approval.withdrawn', 'approval.withdrawn'), ('budget.consumed', 'budget.consumed'), ('budget.returned', 'budget.returned'), ('permit.minted', 'permit.minted'), ('permit.spent', 'permit.spent'), ('execution.started', 'execution.started'), ('execution.succeeded', 'execution.succeeded'), ('execution.failed', 'execution.failed'), ('execution.doubted', 'execution.doubted'), ('execution.settled', 'execution.settled'), ('execution.undone', 'execution.undone'), ('undo.requested', 'undo.requested'), ('undo.conflicted', 'undo.conflicted'), ('undo.failed', 'undo.failed'), ('intent.retracted', 'intent.retracted'), ('sweep.requested', 'sweep.requested'), ('sweep.ended', 'sweep.ended'), ('replay.requested', 'replay.requested'), ('replay.started', 'replay.started'), ('replay.completed', 'replay.completed'), ('replay.failed', 'replay.failed'), ('outcome.recorded', 'outcome.recorded'), ('pull.judged', 'pull.judged'), ('pull.completed', 'pull.completed'), ('pull.failed', 'pull.failed'), ('pattern.detected', 'pattern.detected'), ('summary.written', 'summary.written'), ('breaker.moved', 'breaker.moved'), ('service.alerted', 'service.alerted'), ('service.recovered', 'service.recovered'), ('account.created', 'account.created'), ('account.changed', 'account.changed'), ('contact.erased', 'contact.erased'), ('tenant.created', 'tenant.created'), ('member.added', 'member.added'), ('member.changed', 'member.changed'), ('token.issued', 'token.issued'), ('token.revoked', 'token.revoked'), ('setting.changed', 'setting.changed'), ('policy.saved', 'policy.saved'), ('policy.activated', 'policy.activated'), ('policy.rolled_back', 'policy.rolled_back'), ('policy.simulated', 'policy.simulated'), ('kill_switch.engaged', 'kill_switch.engaged'), ('kill_switch.released', 'kill_switch.released'), ('plan.proposed', 'plan.proposed'), ('plan.moved', 'plan.moved'), ('plan.edited', 'plan.edited'), ('plan.refused', 'plan.refused'), ('plan.closed', 'plan.closed'), ('step.moved', 'step.moved'), ('ritual.run', 'ritual.run'), ('digest.delivered', 'digest.delivered'), ('digest.failed', 'digest.failed'), ('notice.failed', 'notice.failed'), ('goal.moved', 'goal.moved'), ('model.moved', 'model.moved'), ('autonomy.suggested', 'autonomy.suggested'), ('autonomy.narrowed', 'autonomy.narrowed'), ('autonomy.suggestion_moved', 'autonomy.suggestion_moved'), ('export.requested', 'export.requested'), ('export.completed', 'export.completed'), ('export.failed', 'export.failed'), ('export.downloaded', 'export.downloaded'), ('isolation.system_scope_used', 'isolation.system_scope_used')], max_length=64)),
                ('actor', models.JSONField()),
                ('subjects', models.JSONField(default=dict)),
                ('data', models.JSONField(default=dict)),
                ('account_id', models.GeneratedField(db_persist=True, expression=models.Func(models.F('subjects'), models.Value('account'), function='jsonb_extract_path_text', output_field=models.UUIDField(), template='(%(function)s(%(expressions)s)::uuid)'), output_field=models.UUIDField(null=True))),
                ('run_id', models.GeneratedField(db_persist=True, expression=models.Func(models.F('subjects'), models.Value('run'), function='jsonb_extract_path_text', output_field=models.UUIDField(), template='(%(function)s(%(expressions)s)::uuid)'), output_field=models.UUIDField(null=True))),
                ('intent_id', models.GeneratedField(db_persist=True, expression=models.Func(models.F('subjects'), models.Value('intent'), function='jsonb_extract_path_text', output_field=models.UUIDField(), template='(%(function)s(%(expressions)s)::uuid)'), output_field=models.UUIDField(null=True))),
                ('execution_id', models.GeneratedField(db_persist=True, expression=models.Func(models.F('subjects'), models.Value('execution'), function='jsonb_extract_path_text', output_field=models.UUIDField(), template='(%(function)s(%(expressions)s)::uuid)'), output_field=models.UUIDField(null=True))),
                ('plan_id', models.GeneratedField(db_persist=True, expression=models.Func(models.F('subjects'), models.Value('plan'), function='jsonb_extract_path_text', output_field=models.UUIDField(), template='(%(function)s(%(expressions)s)::uuid)'), output_field=models.UUIDField(null=True))),
            ],
            options={
                'verbose_name_plural': 'entries',
                'indexes': [models.Index(fields=['tenant_id', 'number'], name='entry_page'), models.Index(fields=['tenant_id', 'kind', 'number'], name='entry_kind'), models.Index(condition=models.Q(('account_id__isnull', False)), fields=['tenant_id', 'account_id', 'number'], name='entry_account'), models.Index(condition=models.Q(('run_id__isnull', False)), fields=['tenant_id', 'run_id', 'number'], name='entry_run'), models.Index(condition=models.Q(('intent_id__isnull', False)), fields=['tenant_id', 'intent_id', 'number'], name='entry_intent'), models.Index(condition=models.Q(('execution_id__isnull', False)), fields=['tenant_id', 'execution_id', 'number'], name='entry_execution'), models.Index(condition=models.Q(('plan_id__isnull', False)), fields=['tenant_id', 'plan_id', 'number'], name='entry_plan')],
                'constraints': [models.UniqueConstraint(fields=('tenant_id', 'id'), name='entry_id')],
            },
        ),
        migrations.CreateModel(
            name='Export',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField()),
                ('requested_by', models.UUIDField()),
                ('requested_at', models.DateTimeField()),
                ('begin', models.DateTimeField()),
                ('end', models.DateTimeField()),
                ('format', models.CharField(choices=[('jsonl', 'Jsonl'), ('csv', 'Csv'), ('parquet', 'Parquet')], max_length=8)),
                ('status', models.CharField(choices=[('PENDING', 'Pending'), ('COMPLETED', 'Completed'), ('FAILED', 'Failed')], default='PENDING', max_length=10)),
                ('attempts', models.SmallIntegerField(default=0)),
                ('lease_until', models.DateTimeField(null=True)),
                ('manifest', models.JSONField(null=True)),
                ('error', models.CharField(blank=True, default='', max_length=200)),
                ('finished_at', models.DateTimeField(null=True)),
                ('expires_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['tenant_id', 'requested_at'], name='export_asked'), models.Index(condition=models.Q(('status', 'PENDING')), fields=['requested_at'], name='export_due')],
                'constraints': [models.UniqueConstraint(fields=('tenant_id', 'id'), name='export_id'), models.CheckConstraint(condition=models.Q(('begin__lt', models.F('end'))), name='export_range'), models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', True), ('status', 'PENDING')), models.Q(('finished_at__isnull', False), ('manifest__isnull', False), ('status', 'COMPLETED')), models.Q(('finished_at__isnull', False), ('status', 'FAILED')), _connector='OR'), name='export_paired')],
            },
        ),
        migrations.CreateModel(
            name='Landmark',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant_id', 'level', 'index', blank=True, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField()),
                ('level', models.SmallIntegerField()),
                ('index', models.BigIntegerField()),
                ('hash', models.BinaryField(max_length=32)),
            ],
        ),
        migrations.CreateModel(
            name='Leaf',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant_id', 'sequence', blank=True, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField()),
                ('sequence', models.BigIntegerField()),
                ('number', models.BigIntegerField()),
                ('hash', models.BinaryField(max_length=32)),
            ],
            options={
                'verbose_name_plural': 'leaves',
                'constraints': [models.UniqueConstraint(fields=('tenant_id', 'number'), name='leaf_entry')],
            },
        ),
        migrations.CreateModel(
            name='Pending',
            fields=[
                ('number', models.BigIntegerField(primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField()),
            ],
            options={
                'verbose_name_plural': 'pending',
                'constraints': [models.UniqueConstraint(fields=('tenant_id', 'number'), name='pending_of_tenant')],
            },
        ),
        migrations.CreateModel(
            name='Private',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant_id', 'entry_id', 'field', blank=True, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField()),
                ('entry_id', models.UUIDField()),
                ('field', models.CharField(max_length=64)),
                ('person_id', models.UUIDField()),
                ('salt', models.BinaryField(max_length=32)),
                ('value', models.JSONField()),
            ],
            options={
                'verbose_name_plural': 'private',
                'indexes': [models.Index(fields=['tenant_id', 'person_id'], name='private_person')],
            },
        ),
        migrations.CreateModel(
            name='SystemUse',
            fields=[
                ('pk', models.CompositePrimaryKey('job', 'hour', 'session', blank=True, editable=False, primary_key=True, serialize=False)),
                ('job', models.CharField(max_length=64)),
                ('hour', models.DateTimeField()),
                ('session', models.IntegerField()),
                ('uses', models.BigIntegerField()),
            ],
        ),
    ]
