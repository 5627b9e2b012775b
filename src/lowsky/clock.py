"""What time is it? The only file that may ask the operating system."""

import time


class LiveClock:
    """UTC from the operating system."""

    def now_ns(self) -> int:
        return time.time_ns()


class PacedClock:
    """Scene time that starts at ``start_ns`` and runs ``speed`` times as fast as the wall. Used by demo and replay.

    The wall is the monotonic clock, so a step of the system's clock does not move the scene.
    """

    def __init__(self, start_ns: int, speed: float = 1.0) -> None:
        self._start_ns = start_ns
        self._wall_ns = time.monotonic_ns()
        self._speed = speed

    def now_ns(self) -> int:
        return self._start_ns + int((time.monotonic_ns() - self._wall_ns) * self._speed)

    def seconds_until(self, t_ns: int) -> float:
        """Wall seconds until the scene reaches ``t_ns``; negative when it is past."""
        return (t_ns - self.now_ns()) / (1e9 * self._speed)


class ManualClock:
    """A clock that stands still until it is told. For offline runs and tests."""

    def __init__(self, t_ns: int = 0) -> None:
        self.t_ns = t_ns

    def now_ns(self) -> int:
        return self.t_ns


def monotonic_s() -> float:
    """Seconds for measuring intervals on this machine (back-off, progress); never the time of a measurement."""
    return time.monotonic()
