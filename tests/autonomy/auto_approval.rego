# The twin of the bundle auto_approval_v1, for a server that speaks Rego.
package autonomy.auto_approval

import rego.v1

decision := answer("BLOCK", "HARD_STOP", "hard_stop", "No software does this.") if {
	input.tier == "HARD_STOP"
} else := asked("CONFIDENCE_LOW", "confidence_minimum", "Its confidence is too low.") if {
	input.confidence < input.min_confidence
} else := asked("AMOUNT_OVER_CAP", "amount_cap", "It speaks of too large an amount.") if {
	input.amount > input.amount_cap
} else := asked("OUTSIDE_HOURS", "working_hours", "It is outside the hours.") if {
	not input.within_hours
} else := asked("TAINTED_EVIDENCE", "tainted_outreach", "It rests on text from outside.") if {
	input.tainted
	input.external_contact
} else := answer("AUTO_EXECUTE", "ALLOWED", "allowlisted_low_risk", "It is on the allowlist.") if {
	input.allowlisted
	input.tier == "AUTONOMOUS"
	input.risk_level in {"MINIMAL", "LOW"}
} else := asked("TENANT_POLICY", "policy.tenant_policy", "No clause lets this run by itself.")

asked(reason, clause, explanation) := answer("REQUIRE_APPROVAL", reason, clause, explanation)

answer(decided, reason, clause, explanation) := {
	"decision": decided,
	"reason": reason,
	"clause": clause,
	"explanation": explanation,
}
