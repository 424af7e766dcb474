"""Pages of plans: what there are, one of them whole, and what people do to them."""

from plans.views.acting import move, step
from plans.views.listing import plans, propose
from plans.views.single import plan

__all__ = ["move", "plan", "plans", "propose", "step"]
