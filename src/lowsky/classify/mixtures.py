"""Densities of the table of profiles, for many tracks and all classes at once."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowsky.classify.profiles import PROFILES, Mixture, Profile
from lowsky.model.classes import ObjectClass
from lowsky.model.measurement import Floats

N_CLASS = len(ObjectClass)
LOG_2PI = math.log(2.0 * math.pi)
LEAST = 1e-30
"""Added to a density, so that its logarithm is finite; far below what any kind of evidence is believed."""


@dataclass(frozen=True, slots=True)
class Mixtures:
    """A mixture of normals for each class, float64[C, M] each; those with fewer parts have some of weight 0.

    A class without a profile (a word that only covers others) has UNKNOWN's.
    """

    weight: Floats
    mean: Floats
    var: Floats
    folded: bool  # of a magnitude: its negative half is added to the positive one

    @classmethod
    def of(cls, which: Callable[[Profile], Mixture], folded: bool) -> "Mixtures":
        parts = [which(PROFILES.get(c, PROFILES[ObjectClass.UNKNOWN])) for c in ObjectClass]
        most = max(len(part) for part in parts)
        filled = np.array([[*part, *((0.0, 0.0, 1.0),) * (most - len(part))] for part in parts])
        return cls(filled[..., 0], filled[..., 1], filled[..., 2] ** 2, folded)

    def log(self, x: Floats, var: Floats) -> Floats:
        """ln of the density at ``x`` float64[K], measured with ``var`` float64[K] or [K, C]: float64[K, C]."""
        spread = self.var[None] + (var[:, None, None] if var.ndim == 1 else var[:, :, None])
        return self._log(x[:, None, None], self.weight[None], self.mean[None], spread)

    def deviance(self, x: Floats, var: Floats, c: NDArray[np.intp]) -> Floats:
        """How far each ``x`` is from where its class's density is highest, as −2 ln of the ratio, float64[K] ≥ 0.

        For a normal it is z². ``var`` float64[K], ``c`` int[K].
        """
        weight, mean, spread = self.weight[c], self.mean[c], self.var[c] + var[:, None]
        here = self._log(x[:, None], weight, mean, spread)
        tops = self._log(mean[:, :, None], weight[:, None], mean[:, None], spread[:, None])
        tops = np.where(weight > 0.0, tops, -np.inf).max(axis=1)
        return np.asarray(2.0 * np.maximum(tops - here, 0.0))

    def _log(self, x: Floats, weight: Floats, mean: Floats, spread: Floats) -> Floats:
        scale = weight / np.sqrt(2.0 * math.pi * spread)
        density = scale * np.exp(-0.5 * (x - mean) ** 2 / spread)
        if self.folded:
            density += scale * np.exp(-0.5 * (x + mean) ** 2 / spread)
        return np.asarray(np.log(density.sum(axis=-1) + LEAST))


SPEED = Mixtures.of(lambda profile: profile.speed_mps, folded=True)
CLIMB = Mixtures.of(lambda profile: profile.climb_mps, folded=False)
RCS = Mixtures.of(lambda profile: profile.rcs_dbsm, folded=False)
HEIGHT = Mixtures.of(lambda profile: profile.height_m, folded=True)


def column(which: Callable[[Profile], float]) -> Floats:
    """One number of each class, float64[C]."""
    return np.array([which(PROFILES.get(c, PROFILES[ObjectClass.UNKNOWN])) for c in ObjectClass], np.float64)
