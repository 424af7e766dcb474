"""Types of plans: one declaration each."""
