"""A seller with preferences that nobody is told, who decides everything that is proposed."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from autonomy import ranking
from autonomy.models import Choice, HouseRanking, Intent, Outcome, Ranking
from autonomy.rules.proposals import Draft
from ledger.scope import tenant_scope
from perception.models import Account, Tenant
from tests.autonomy.conftest import Desk
from tests.conftest import NOW

# What is proposed, how sure the proposals are, and how often the seller likes it.
LIKES = {
    "create_internal_note": (0.80, 0.20),
    "create_follow_up_task": (0.79, 0.35),
    "draft_email": (0.78, 0.85),
}


@dataclass(frozen=True, kw_only=True)
class Seller:
    """Days of a tenant's life: proposals for each account, each decided the same day."""

    desk: Desk
    accounts: list[UUID]
    chance: random.Random

    def live(self, begin: datetime, days: int, *, share: float = 0.0) -> None:
        """Every account is looked at once a day."""
        standing = self.standing(share)
        made: list[tuple[Intent, Choice, Outcome]] = []
        for day in range(days):
            for number, account in enumerate(self.accounts):
                at = begin + timedelta(days=day, minutes=number)
                made += self._decided(account, at, standing)
        intents, choices, outcomes = zip(*made, strict=True)
        with tenant_scope(self.desk.tenant):
            Intent.objects.bulk_create(intents)
            Choice.objects.bulk_create(choices)
            Outcome.objects.bulk_create(outcomes)

    def standing(self, share: float) -> ranking.Standing:
        """The models as they stand, and a share left to chance."""
        with tenant_scope(self.desk.tenant):
            rows = Ranking.objects.filter(status="SHADOW")
            shadows = dict(rows.values_list("version", "artefact"))
            active = Ranking.objects.filter(status="ACTIVE").first()
            if Tenant.objects.get().shares_learning:
                tried = HouseRanking.objects.filter(status="SHADOW")
                for each in tried:
                    shadows[ranking.of_house(each.version)] = each.artefact
        return ranking.Standing(
            version=active.version if active else "heuristic",
            artefact=active.artefact if active else None,
            share=share,
            shadows=shadows,
        )

    def _decided(
        self, account: UUID, at: datetime, standing: ranking.Standing
    ) -> list[tuple[Intent, Choice, Outcome]]:
        drafts = [
            Draft(action_type=key, parameters={}, confidence=sure)
            for key, (sure, _) in LIKES.items()
        ]
        # Chance comes from the run's id: the same days are lived again.
        run = UUID(int=self.chance.getrandbits(128), version=4)
        found = ranking.rank(drafts, self._context(at), standing, run=run)
        intents = [
            Intent(
                tenant_id=self.desk.tenant,
                account_id=account,
                run_id=run,
                origin="signal",
                action_type=each.action_type,
                parameters={},
                confidence=each.confidence,
                status=Intent.Status.REJECTED,
                created_at=at,
                updated_at=at,
            )
            for each in found.drafts
        ]
        with tenant_scope(self.desk.tenant):
            rows = ranking.choices(found, intents, run=run, now=at)
        return [
            (intent, row, self._outcome(intent, at))
            for intent, row in zip(intents, rows, strict=True)
        ]

    def _outcome(self, intent: Intent, at: datetime) -> Outcome:
        likes = self.chance.random() < LIKES[intent.action_type][1]
        if likes:
            intent.status = Intent.Status.SUCCEEDED
        return Outcome(
            tenant_id=self.desk.tenant,
            intent=intent,
            account_id=intent.account_id,
            action_type=intent.action_type,
            taxonomy="EXECUTION_SUCCEEDED" if likes else "IDEA_REJECTED",
            cause="execution" if likes else "idea",
            at=at + timedelta(hours=1),
        )

    def _context(self, at: datetime) -> dict[str, Any]:
        heat = self.chance.random()
        return {
            "at": at.isoformat(),
            "trigger": "SIGNAL_ARRIVED",
            "signal": None,
            "account": {
                "lifecycle": self.chance.choice(["PROSPECT", "CUSTOMER"]),
                "heat": {"score": heat, "tier": "HOT" if heat > 0.6 else "WARM"},
            },
            "signals": [],
            "intents": [],
            "outcomes": [],
            "open_approvals": self.chance.randrange(4),
            "plans": [],
        }


def seller_at(desk: Desk, *, accounts: int, seed: int) -> Seller:
    """A seller with so many accounts."""
    with tenant_scope(desk.tenant):
        rows = [
            Account(
                tenant_id=desk.tenant,
                external_id=f"of-seller-{number}",
                name=f"Account {number}",
                lifecycle="PROSPECT",
                created_at=NOW,
                updated_at=NOW,
            )
            for number in range(accounts)
        ]
        Account.objects.bulk_create(rows)
    return Seller(
        desk=desk,
        accounts=[each.id for each in rows],
        chance=random.Random(seed),
    )
