"""Close pairs of tracks: are they one object?"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lowsky.model.measurement import Floats, Ints

LEAST = -10.0
"""Who was seen apart before has to be seen together for twice as long."""


@dataclass(slots=True)
class Together:
    """Of each close pair: how much speaks for one object, ln of a likelihood ratio, never below 0.

    If there were two, a look tells them apart with the chance π₀ = P_D² (1 − overlap); it did with probability π.
    One object is never told apart, so each look adds ln (1 − π)/(1 − π₀).
    """

    of: dict[tuple[int, int], tuple[float, int]] = field(default_factory=dict)  # serials -> (evidence, time)

    def note(
        self, first: Ints, second: Ints, known: NDArray[np.bool_], apart: Floats, chance: Floats, now_ns: int
    ) -> None:
        """One look's say of K pairs of serials. ``known`` bool[K]: both confirmed; if such a pair was not close before,
        it came together from apart, and objects do not become one in flight."""
        step = np.log((1.0 - np.minimum(apart, 0.999)) / (1.0 - np.minimum(chance, 0.999)))
        for a, b, met, gain in zip(first.tolist(), second.tolist(), known.tolist(), step.tolist(), strict=True):
            key = (a, b) if a < b else (b, a)
            before = self.of.get(key)
            evidence = before[0] if before is not None else LEAST if met else 0.0
            self.of[key] = (max(evidence + gain, LEAST), now_ns)

    def forget(self, before_ns: int) -> None:
        for key in [key for key, (_, t_ns) in self.of.items() if t_ns < before_ns]:
            del self.of[key]

    def dump(self) -> list[list[float | int]]:
        return [[a, b, evidence, t_ns] for (a, b), (evidence, t_ns) in self.of.items()]

    def load(self, saved: list[list[int]]) -> None:
        self.of = {(a, b): (float(evidence), t_ns) for a, b, evidence, t_ns in saved}
