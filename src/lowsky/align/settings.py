"""How the funnel holds, drops and counts. Each number with its unit and its reason."""

import msgspec

from lowsky.constants import LATE_BUFFER_S


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one funnel.

    Attributes
    ----------
    tick_s : float
        Grid of the time ticks, in UTC. 250 ms: a coasting track is never judged later than that.
    wait_at_least_s : float
        Every sensor is waited for at least so long, whatever its ``latency_s`` says. 0 live.
    future_tolerance_s : float
        A row may be so far ahead of its own arrival (coarse clocks, whole seconds) before it is FUTURE.
    split_s : float
        A batch without coverage whose rows spread further is cut at multiples of this.
    gap_s : float
        Silence after which time jumps (see ``always_ticking``).
    always_ticking : bool
        True: time passes for as long as ``release`` says so, and only a step of more than ``gap_s`` at once (a
        suspended machine, a clock that was set) is jumped. False (recorded files): nothing passes before the
        first batch, and ``gap_s`` after the last one time jumps to the next.
    late_s : float
        What is older than what was let go, but by no more than this, goes on all the same, as a late batch: the
        pipeline puts it where it belongs. Older rows are LATE.
    max_rows, max_bytes : int
        Bounds of each sensor's queue.
    """

    tick_s: float = 0.25
    wait_at_least_s: float = 0.0
    future_tolerance_s: float = 2.0
    split_s: float = 0.25
    gap_s: float = 60.0
    always_ticking: bool = True
    late_s: float = LATE_BUFFER_S
    max_rows: int = 200_000  # 40 s of 5,000 plots/s
    max_bytes: int = 64 * 1024 * 1024


LIVE = Settings()
"""For sockets: nothing is waited for longer than its sensor's latency."""

RECORDED = Settings(wait_at_least_s=10.0, always_ticking=False, max_rows=5_000_000, max_bytes=2 * 1024**3)
"""For files: waiting costs memory only, so what came up to 10 s late is still put where it belongs."""

CAUSAL = Settings(always_ticking=False, max_rows=5_000_000, max_bytes=2 * 1024**3)
"""For files whose picture at each moment is to hold nothing that was received later: waited for as live."""
