"""What plans refuse, said by the class that is raised."""

from collections.abc import Sequence

from ledger.errors import HouseError
from plans.rules.gate import Violation


class PlanError(HouseError):
    """The plan refused."""


class IllegalMove(PlanError):
    """The plan cannot go there from where it is."""


class NotADraft(PlanError):
    """Only a draft can be changed; take the plan back to DRAFT first."""


class NotYourPlan(PlanError):
    """This is not yours to decide."""


class SelfApproval(PlanError):
    """Whoever proposed or last changed a plan cannot approve it."""


class NeedsApprover(PlanError):
    """A plan of this risk is approved by an approver."""


class NoSuchPlanType(PlanError):
    """There is no such type of plan."""


class NoSuchStep(PlanError):
    """The plan has no such step."""


class NotOver(PlanError):
    """The plan is not over yet."""


class StepNotOpen(PlanError):
    """The step is past this."""


class NothingToPropose(PlanError):
    """No plan of this type would help the account now."""


class PlanRefused(PlanError):
    """The plan breaks rules that it must keep."""

    def __init__(self, violations: Sequence[Violation], *, keeps: bool = False) -> None:
        super().__init__(" ".join(each.message for each in violations))
        self.violations = tuple(violations)
        # The first names it; all of them are told.
        self.code = violations[0].code.value
        self.errors = [each.stated() for each in violations]
        self.keeps = keeps


class DraftRefused(PlanRefused):
    """The draft breaks rules that it must keep."""
