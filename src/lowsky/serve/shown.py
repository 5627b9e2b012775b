"""Where others still look for it: ``wire.shown``."""

from lowsky.wire.shown import HIDDEN, MAX_CHARACTERS, REPLACEMENT, shown

__all__ = ["HIDDEN", "MAX_CHARACTERS", "REPLACEMENT", "shown"]
