"""Drift: what the difference between an object's velocity and the air's says of its class.

The air's velocity is told by the site file, a weather report in it, or learnt from balloons that are known for
balloons by other evidence. A balloon goes with it; what flies has its speed *through the air*, whose likelihood
replaces that of its speed over ground.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from lowsky.classify.motion import AIR, AIR_LASTS, GROUND, speed_rows
from lowsky.model.measurement import Floats
from lowsky.model.site import Wind

LEAST_S = 2.0
"""So long a track is watched before its drift is judged."""
LAYER_M, N_LAYER = 250.0, 24
"""Learnt winds are of layers as thick; above the highest nothing is learnt."""
LEARNT_LASTS_S = 1200.0
"""A learnt wind fades with this."""
LEARNT_LEAST_S = 30.0
"""So much watching of balloons makes a layer's wind known."""
LEARNT_SIGMA_MPS = 1.5
"""1σ by axis of what was learnt in the layer itself (assumed: turbulence, other places)."""
SIGMA_PER_LAYER_MPS = 0.8
"""… and so much more for each layer between."""
FARTHEST_LAYER = 3


@dataclass(slots=True)
class Winds:
    """The air's velocity at heights above the site's origin: told, and learnt."""

    told: Wind | None
    sums: Floats = field(default_factory=lambda: np.zeros((N_LAYER, 3)))  # seconds, and east and north times these
    t_ns: int = 0

    def at(self, up_m: Floats) -> tuple[Floats, Floats]:
        """Velocity float64[K, 2] and its 1σ by axis float64[K]; NaN where nobody knows."""
        velocity, sigma = np.full((len(up_m), 2), np.nan), np.full(len(up_m), np.nan)
        if self.told is not None:
            for k, values in enumerate((self.told.east_mps, self.told.north_mps)):
                velocity[:, k] = np.interp(up_m, self.told.up_m, values)
            sigma[:] = np.interp(up_m, self.told.up_m, self.told.sigma_mps)
        known = np.flatnonzero(self.sums[:, 0] >= LEARNT_LEAST_S)
        if len(known):
            layer = np.floor(up_m / LAYER_M).astype(np.int64)
            away = np.abs(layer[:, None] - known)
            nearest = known[away.argmin(axis=1)]
            steps = away.min(axis=1)
            use = steps <= FARTHEST_LAYER
            own = LEARNT_SIGMA_MPS + SIGMA_PER_LAYER_MPS * steps
            use &= ~(sigma < own)  # NaN: nothing told
            mean = self.sums[nearest, 1:] / self.sums[nearest, :1]
            velocity = np.where(use[:, None], mean, velocity)
            sigma = np.where(use, own, sigma)
        return velocity, sigma

    def learn(self, t_ns: int, up_m: Floats, velocity: Floats, worth_s: Floats) -> None:
        """From balloons: velocity float64[K, 2], each watched for so long since the last time."""
        if self.t_ns and t_ns > self.t_ns:
            self.sums *= math.exp(-(t_ns - self.t_ns) * 1e-9 / LEARNT_LASTS_S)
        self.t_ns = max(self.t_ns, t_ns)
        layer = np.floor(up_m / LAYER_M).astype(np.int64)
        fits = (layer >= 0) & (layer < N_LAYER)
        told = np.column_stack((worth_s, velocity * worth_s[:, None]))
        np.add.at(self.sums, layer[fits], told[fits])


def rows(sums: Floats, speeds: Floats) -> Floats:
    """ln P(velocity | wind, class) − ln P(speed | class), float64[K, C]: 0 where no wind is known.

    ``sums`` and ``speeds`` as in ``motion``.
    """
    knows = sums[:, AIR_LASTS] >= LEAST_S
    return np.where(knows[:, None], speed_rows(sums, speeds[:, AIR] - speeds[:, GROUND]), 0.0)
