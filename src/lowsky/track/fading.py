"""Counts that fade with time, without touching all of them each time: later ones are put in larger instead."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowsky.constants import SECOND_NS

FADE_EVERY = 20.0
"""Memories after which counts are scaled down, so that numbers stay small."""


@dataclass(slots=True)
class Fading:
    """The time that counts are as of, and how long they are remembered (time constant)."""

    memory_s: float
    t_base_ns: int = 0

    def growth(self, t_ns: int, *counts: NDArray[np.floating]) -> float:
        """By what a count of now outweighs one of the base time. Moves the base, and scales ``counts`` in place, before
        numbers grow large."""
        self.t_base_ns = self.t_base_ns or t_ns
        age = (t_ns - self.t_base_ns) / SECOND_NS / self.memory_s
        if age > FADE_EVERY:
            fade = math.exp(-min(age, 700.0))
            for count in counts:
                count *= count.dtype.type(fade)
            self.t_base_ns, age = t_ns, 0.0
        return math.exp(max(age, 0.0))
