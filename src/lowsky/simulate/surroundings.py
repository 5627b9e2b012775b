"""What objects fly in and over: wind by height, and the ground."""

from dataclasses import dataclass

import numpy as np

from lowsky.model.measurement import Floats
from lowsky.simulate.scenario import Scenario, Wind
from lowsky.simulate.terrain import Ground


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The same for everything that moves."""

    wind: Wind
    ground: Ground | None

    @classmethod
    def of(cls, scenario: Scenario) -> "Surroundings":
        return cls(scenario.wind, None if scenario.terrain is None else Ground.of(scenario.terrain))

    def blows(self, up_m: Floats) -> Floats:
        """Wind m/s east and north at heights above the site's origin, float64[..., 2]."""
        profile = self.wind.profile
        if not profile:
            still = np.array([self.wind.east_mps, self.wind.north_mps])
            return np.broadcast_to(still, (*up_m.shape, 2))
        at, east, north = (np.array(column, np.float64) for column in zip(*profile, strict=True))
        return np.stack((np.interp(up_m, at, east), np.interp(up_m, at, north)), axis=-1)

    def floor(self, pos: Floats) -> Floats:
        """Up of the ground below points float64[..., 3]; 0 without a map."""
        if self.ground is None:
            return np.zeros(pos.shape[:-1])
        return self.ground.up(pos[..., 0], pos[..., 1])
