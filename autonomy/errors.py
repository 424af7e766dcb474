"""What autonomy refuses, said by the class that is raised."""

from collections.abc import Mapping, Sequence

from autonomy.rules.answers import Said
from autonomy.rules.bundles import Fault
from ledger.errors import HouseError, NotThere


class AutonomyError(HouseError):
    """Autonomy refused."""


class BundleRefused(AutonomyError):
    """The policy bundle cannot be used as it stands."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        first = faults[0]
        super().__init__(
            f"{first.where}, line {first.line}, column {first.column}: {first.message}"
        )
        self.faults = tuple(faults)


class NoSuchActionType(AutonomyError):
    """There is no such action type."""


class AlreadyRegistered(AutonomyError):
    """There is an action type of this key already."""


class LoosensTier(AutonomyError):
    """A tier may only become stricter."""


class AlreadySubmitted(AutonomyError):
    """This try of the step was submitted before."""


class AccountClosed(AutonomyError):
    """The account is closed: nothing starts for it."""


class WrongParameters(AutonomyError):
    """The parameters do not fit the action type's schema."""

    def __init__(self, faults: Mapping[str, str], *, at: str) -> None:
        where, said = next(iter(faults.items()))
        super().__init__(f"{where}: {said}" if where else said)
        # All of them are told, each at its place in the body.
        self.errors = [
            {
                "field": f"{at}.{where}" if where else at,
                "code": "INVALID",
                "detail": said,
            }
            for where, said in faults.items()
        ]


class NoSuchTarget(AutonomyError, NotThere):
    """What the intent names is not there, or belongs to another account."""


class NoSuchScope(AutonomyError, NotThere):
    """The scope names something that is not there."""


class NeedsTarget(AutonomyError):
    """This scope needs a target, or takes none."""


class NotEngaged(AutonomyError):
    """This kill switch is not engaged."""


class NoPermit(AutonomyError):
    """There is no valid permit for this action."""


class NotHeld(AutonomyError):
    """Something that the permit rested on no longer holds."""


class Stopped(AutonomyError):
    """A kill switch is on."""


class BundleFails(AutonomyError):
    """The bundle does not pass its own tests, or breaks a theorem."""


class NeedsSimulation(AutonomyError):
    """Activation needs a completed simulation of this bundle."""


class NeedsSecondPerson(AutonomyError):
    """This widens autonomy: another person must activate it too."""


class NothingToRollBack(AutonomyError):
    """There is no earlier policy to go back to."""


class SimulationTooLong(AutonomyError):
    """The stretch of time is too long for one simulation."""


class NotForOutreach(AutonomyError):
    """The profile is for outreach of the autonomous tier only."""


class NotParked(AutonomyError):
    """Only parked runs are sent on their way again."""


class NoSuchTrigger(AutonomyError):
    """There is no such trigger."""


class NoSuchTool(AutonomyError):
    """There is no tool of this key."""


class NoSuchService(AutonomyError):
    """There is no such tool that acts outside."""


class ToolExists(AutonomyError):
    """There is a tool of this key already."""


class ToolStopped(AutonomyError):
    """A tool did not come to its end."""

    def __init__(self, said: Said) -> None:
        super().__init__(said.detail)
        self.said = said


class CannotUndo(AutonomyError):
    """This cannot be taken back."""


class UndoConflict(AutonomyError):
    """Somebody has changed it since: it was left as it is."""

    # What is known of the conflict stays.
    keeps = True


class CannotRetract(AutonomyError):
    """Only what is approved and has not started can be called off."""


class CannotLookUp(AutonomyError):
    """This tool cannot be asked what became of an act: say it yourself."""


class NothingSince(AutonomyError):
    """Nothing can have been done since then."""


class AlreadyDone(AutonomyError):
    """This is not done a second time."""


class NotReplayable(AutonomyError):
    """Only what failed, or is in doubt, is gone through again."""


class StillOpen(AutonomyError):
    """Only what has ended is gone through again."""


class MayBeDone(AutonomyError):
    """Nobody knows whether it was done."""


class ReplayOpen(AutonomyError):
    """It is being gone through again already."""


class NotInDoubt(AutonomyError):
    """Nothing about this execution is in doubt any more."""


class NoSuchApproval(AutonomyError):
    """There is no such approval."""


class NotYourDecision(AutonomyError):
    """This decision is not yours."""


class NeedsApprover(NotYourDecision):
    """An approver decides this."""


class SelfApproval(NotYourDecision):
    """Whoever proposed or edited it does not approve it here."""


class AlreadyDecided(AutonomyError):
    """Somebody has decided already."""


class Expired(AutonomyError):
    """Nobody decided in time."""


class MovedTarget(AutonomyError):
    """What was asked about has changed since: look at it again."""

    # Set by a door whose answer must not take back what was done about it.
    keeps = False


class NoLongerAllowed(AutonomyError):
    """This may not be done any more, not even with approval."""

    keeps = False


class Mixed(AutonomyError):
    """Only approvals of one action type and one risk can be decided at once."""


class CannotSnooze(AutonomyError):
    """A decision can be put off into the future, and until before it expires."""


class CannotDelegate(AutonomyError):
    """This member could not decide it."""


class NotAdmitted(AutonomyError):
    """The cost gate has not let this run through to a decision."""


class AdminAsksFirst(AutonomyError):
    """An admin asks for it first; then another person can sign."""


class NotYourGoal(AutonomyError):
    """Sellers set goals for themselves and for accounts that they own."""


class GoalEnded(AutonomyError):
    """The goal has ended, and stays as it is."""


class GoalTooWide(AutonomyError):
    """The goal covers too many deals: set one for a seller or an account."""


class NoSuchJob(AutonomyError):
    """There is no job of this name."""


class JobIsOff(AutonomyError):
    """A job that is switched off is switched on first."""


class NoSuchDigest(AutonomyError):
    """There is no digest of yours with this id."""


class NoSuchModel(AutonomyError):
    """There is no ranking model of this version."""


class ModelMoved(AutonomyError):
    """The model stands elsewhere by now."""


class GateRefused(AutonomyError):
    """The model has not shown that it ranks better."""


class NoActiveModel(AutonomyError):
    """No model ranks that could be rolled back."""


class NoSuchSuggestion(AutonomyError):
    """There is no suggestion of wider autonomy with this id."""


class SuggestionDecided(AutonomyError):
    """The suggestion was decided or withdrawn before; the first decision counts."""


class RecordFell(AutonomyError):
    """The record no longer bears the suggestion out."""
