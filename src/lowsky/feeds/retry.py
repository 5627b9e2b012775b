"""How long to wait before a lost source is opened again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retry:
    """Back-off: ``first_s``, doubled each time up to ``most_s``; from the start again once a frame has come."""

    first_s: float = 0.5
    most_s: float = 30.0

    def after(self, delay_s: float) -> float:
        return min(self.most_s, 2.0 * delay_s)
