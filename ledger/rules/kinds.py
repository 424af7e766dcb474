"""Every kind of fact that the house can state: dotted, past tense, closed."""

from enum import StrEnum


class Kind(StrEnum):
    """A kind of ledger entry. Its meaning stands in `MEANING`."""

    SIGNAL_RECEIVED = "signal.received"
    SIGNAL_REPEATED = "signal.repeated"
    TRIGGER_FIRED = "trigger.fired"
    TRIGGER_HELD = "trigger.held"
    GATE_JUDGED = "gate.judged"
    RUN_ASKED = "run.asked"
    RUN_DECIDED = "run.decided"
    RUN_PARKED = "run.parked"
    RUN_RETRIED = "run.retried"
    PROPOSAL_REFUSED = "proposal.refused"
    INTENT_PROPOSED = "intent.proposed"
    INTENT_JUDGED = "intent.judged"
    INTENT_BLOCKED = "intent.blocked"
    INTENT_GIVEN_UP = "intent.given_up"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_REMINDED = "approval.reminded"
    APPROVAL_APPROVED = "approval.approved"
    APPROVAL_REJECTED = "approval.rejected"
    APPROVAL_EDITED = "approval.edited"
    APPROVAL_SNOOZED = "approval.snoozed"
    APPROVAL_DELEGATED = "approval.delegated"
    APPROVAL_ESCALATED = "approval.escalated"
    APPROVAL_EXPIRED = "approval.expired"
    APPROVAL_WITHDRAWN = "approval.withdrawn"
    BUDGET_CONSUMED = "budget.consumed"
    BUDGET_RETURNED = "budget.returned"
    PERMIT_MINTED = "permit.minted"
    PERMIT_SPENT = "permit.spent"
    EXECUTION_STARTED = "execution.started"
    EXECUTION_SUCCEEDED = "execution.succeeded"
    EXECUTION_FAILED = "execution.failed"
    EXECUTION_DOUBTED = "execution.doubted"
    EXECUTION_SETTLED = "execution.settled"
    EXECUTION_UNDONE = "execution.undone"
    UNDO_REQUESTED = "undo.requested"
    UNDO_CONFLICTED = "undo.conflicted"
    UNDO_FAILED = "undo.failed"
    INTENT_RETRACTED = "intent.retracted"
    SWEEP_REQUESTED = "sweep.requested"
    SWEEP_ENDED = "sweep.ended"
    REPLAY_REQUESTED = "replay.requested"
    REPLAY_STARTED = "replay.started"
    REPLAY_COMPLETED = "replay.completed"
    REPLAY_FAILED = "replay.failed"
    OUTCOME_RECORDED = "outcome.recorded"
    PULL_JUDGED = "pull.judged"
    PULL_COMPLETED = "pull.completed"
    PULL_FAILED = "pull.failed"
    PATTERN_DETECTED = "pattern.detected"
    SUMMARY_WRITTEN = "summary.written"
    BREAKER_MOVED = "breaker.moved"
    SERVICE_ALERTED = "service.alerted"
    SERVICE_RECOVERED = "service.recovered"
    ACCOUNT_CREATED = "account.created"
    ACCOUNT_CHANGED = "account.changed"
    CONTACT_ERASED = "contact.erased"
    TENANT_CREATED = "tenant.created"
    MEMBER_ADDED = "member.added"
    MEMBER_CHANGED = "member.changed"
    TOKEN_ISSUED = "token.issued"  # noqa: S105  a kind of fact, not a secret
    TOKEN_REVOKED = "token.revoked"  # noqa: S105  a kind of fact, not a secret
    SETTING_CHANGED = "setting.changed"
    POLICY_SAVED = "policy.saved"
    POLICY_ACTIVATED = "policy.activated"
    POLICY_ROLLED_BACK = "policy.rolled_back"
    POLICY_SIMULATED = "policy.simulated"
    SWITCH_ENGAGED = "kill_switch.engaged"
    SWITCH_RELEASED = "kill_switch.released"
    PLAN_PROPOSED = "plan.proposed"
    PLAN_MOVED = "plan.moved"
    PLAN_EDITED = "plan.edited"
    PLAN_REFUSED = "plan.refused"
    PLAN_CLOSED = "plan.closed"
    STEP_MOVED = "step.moved"
    RITUAL_RUN = "ritual.run"
    DIGEST_DELIVERED = "digest.delivered"
    DIGEST_FAILED = "digest.failed"
    NOTICE_FAILED = "notice.failed"
    GOAL_MOVED = "goal.moved"
    MODEL_MOVED = "model.moved"
    AUTONOMY_SUGGESTED = "autonomy.suggested"
    AUTONOMY_NARROWED = "autonomy.narrowed"
    SUGGESTION_MOVED = "autonomy.suggestion_moved"
    EXPORT_REQUESTED = "export.requested"
    EXPORT_COMPLETED = "export.completed"
    EXPORT_FAILED = "export.failed"
    EXPORT_DOWNLOADED = "export.downloaded"
    SYSTEM_SCOPE_USED = "isolation.system_scope_used"


MEANING: dict[Kind, str] = {
    Kind.SIGNAL_RECEIVED: "A signal about an account was accepted and kept.",
    Kind.SIGNAL_REPEATED: "A signal came again under a known key; nothing was made.",
    Kind.TRIGGER_FIRED: "A trigger started a run.",
    Kind.TRIGGER_HELD: "A trigger did not fire, for the reason given.",
    Kind.GATE_JUDGED: "The cost gate allowed, deferred or skipped a run.",
    Kind.RUN_ASKED: "A person asked what would help an account.",
    Kind.RUN_DECIDED: "A synthesizer turned a frozen context into proposals.",
    Kind.RUN_PARKED: "A run failed too often and waits for a person.",
    Kind.RUN_RETRIED: "A person sent a parked run on its way again.",
    Kind.PROPOSAL_REFUSED: "A proposal fell outside registry, schema or account.",
    Kind.INTENT_PROPOSED: "An action was proposed.",
    Kind.INTENT_JUDGED: "Every layer of policy gave its verdict on an intent.",
    Kind.INTENT_BLOCKED: "An intent was stopped for good.",
    Kind.INTENT_GIVEN_UP: "An approved act broke every time before it could start.",
    Kind.APPROVAL_REQUESTED: "A person was asked to decide.",
    Kind.APPROVAL_REMINDED: "A person was reminded of a decision that waits.",
    Kind.APPROVAL_APPROVED: "A person allowed exactly this action.",
    Kind.APPROVAL_REJECTED: "A person refused this action.",
    Kind.APPROVAL_EDITED: "A person changed the action before deciding.",
    Kind.APPROVAL_SNOOZED: "A person put the decision off.",
    Kind.APPROVAL_DELEGATED: "A person handed the decision to another.",
    Kind.APPROVAL_ESCALATED: "The decision went to an approver.",
    Kind.APPROVAL_EXPIRED: "Nobody decided in time.",
    Kind.APPROVAL_WITHDRAWN: "A question was taken back before anybody answered it.",
    Kind.BUDGET_CONSUMED: "An autonomous act used up budget.",
    Kind.BUDGET_RETURNED: "Budget came back, as no attempt had started.",
    Kind.PERMIT_MINTED: "A permit for one exact action was sealed.",
    Kind.PERMIT_SPENT: "A permit was used up by the start of its action.",
    Kind.EXECUTION_STARTED: "A tool was about to act.",
    Kind.EXECUTION_SUCCEEDED: "A tool reported that it acted.",
    Kind.EXECUTION_FAILED: "A tool reported that it did not act.",
    Kind.EXECUTION_DOUBTED: "Nobody knows whether the tool acted.",
    Kind.EXECUTION_SETTLED: "A person or a look-up ended the doubt.",
    Kind.EXECUTION_UNDONE: "An act was reversed and read back.",
    Kind.UNDO_REQUESTED: "Somebody wants an act taken back.",
    Kind.UNDO_FAILED: "An act could not be taken back, or nobody knows.",
    Kind.INTENT_RETRACTED: "An act was called off before it started.",
    Kind.SWEEP_REQUESTED: "Everything since a moment is to be taken back.",
    Kind.SWEEP_ENDED: "All that could be taken back was, and the rest is listed.",
    Kind.UNDO_CONFLICTED: "An act was not reversed, as somebody had changed it since.",
    Kind.REPLAY_REQUESTED: "A person asked to run an intent again.",
    Kind.REPLAY_STARTED: "A replay began.",
    Kind.REPLAY_COMPLETED: "A replay ended.",
    Kind.REPLAY_FAILED: "A replay could not be carried out.",
    Kind.OUTCOME_RECORDED: "What became of an intent, in the common taxonomy.",
    Kind.PULL_JUDGED: "A pull was admitted or refused, with its reason.",
    Kind.PULL_COMPLETED: "A connector was read; its cursor moved.",
    Kind.PULL_FAILED: "A connector could not be read.",
    Kind.PATTERN_DETECTED: "A pattern was found in what an account did.",
    Kind.SUMMARY_WRITTEN: "A summary of an account was made from named sources.",
    Kind.BREAKER_MOVED: "A circuit breaker changed its state.",
    Kind.SERVICE_ALERTED: "A tool missed its objective fast enough to be told of.",
    Kind.SERVICE_RECOVERED: "A tool no longer misses its objective that fast.",
    Kind.ACCOUNT_CREATED: "An account was added.",
    Kind.ACCOUNT_CHANGED: "An account was changed.",
    Kind.CONTACT_ERASED: "A person's data was erased; proofs stay whole.",
    Kind.TENANT_CREATED: "A tenant was set up.",
    Kind.MEMBER_ADDED: "A person was given a role.",
    Kind.MEMBER_CHANGED: "A person's role or access was changed.",
    Kind.TOKEN_ISSUED: "An API token was issued.",
    Kind.TOKEN_REVOKED: "An API token was revoked.",
    Kind.SETTING_CHANGED: "A setting was changed; before and after are kept.",
    Kind.POLICY_SAVED: "A version of a policy bundle was saved.",
    Kind.POLICY_ACTIVATED: "A version of a policy bundle came into force.",
    Kind.POLICY_ROLLED_BACK: "An earlier policy came back into force.",
    Kind.POLICY_SIMULATED: "A policy was tried on recorded intents.",
    Kind.SWITCH_ENGAGED: "A kill switch was pressed.",
    Kind.SWITCH_RELEASED: "A kill switch was released, in stages.",
    Kind.PLAN_PROPOSED: "A plan was drafted.",
    Kind.PLAN_MOVED: "A plan changed its status.",
    Kind.PLAN_EDITED: "A draft plan was changed; its revision grew.",
    Kind.PLAN_REFUSED: "A plan was kept from a move, with every violation.",
    Kind.PLAN_CLOSED: "A plan's closing statement was drawn up.",
    Kind.STEP_MOVED: "A plan's step changed its status.",
    Kind.RITUAL_RUN: "A ritual ran for its local date.",
    Kind.DIGEST_DELIVERED: "A digest reached its reader.",
    Kind.NOTICE_FAILED: "Somebody could not be told what they want to be told of.",
    Kind.DIGEST_FAILED: "A digest did not reach its reader.",
    Kind.GOAL_MOVED: "A goal changed its status.",
    Kind.MODEL_MOVED: "A ranking model changed its status.",
    Kind.AUTONOMY_SUGGESTED: "The record suggests to widen autonomy; a person decides.",
    Kind.AUTONOMY_NARROWED: "The record narrowed autonomy by itself.",
    Kind.SUGGESTION_MOVED: "Wider autonomy was signed, declined or withdrawn.",
    Kind.EXPORT_REQUESTED: "An export of the ledger was asked for.",
    Kind.EXPORT_COMPLETED: "An export was written, with its manifest.",
    Kind.EXPORT_FAILED: "An export could not be written.",
    Kind.EXPORT_DOWNLOADED: "An export was downloaded.",
    Kind.SYSTEM_SCOPE_USED: "A job crossed tenants this often in this hour.",
}
