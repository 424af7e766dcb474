"""Pages of autonomy for those who sell: what each day's digest said."""

from autonomy.views.digests import digest, seen, undo

__all__ = ["digest", "seen", "undo"]
