"""Zones on the site's plane, and what the kernels say of objects and them."""

from dataclasses import dataclass

import numpy as np

from lowsky.geo.enu import EnuFrame
from lowsky.kernels.zones import NEVER, away_m, entry, is_inside
from lowsky.model.measurement import Floats
from lowsky.model.site import Site
from lowsky.model.zone import Zone

STEP_S = 1.0
WANDER_Q = np.array([1.0, 0.2])  # m²/s³ level and vertical: between a drone on its way and one at work
SIGMAS = 4.0  # who is so many σ too far to get there is not looked at closer
WANDER = np.sqrt(WANDER_Q / 3.0)
HALF = np.random.default_rng(20261130).standard_normal((32, 9))
DRAWS = np.concatenate((HALF, -HALF))
"""Standard normal, the same for every object and look, and without bias."""


@dataclass(frozen=True, slots=True)
class Ground:
    """One zone."""

    zone: Zone
    corners: Floats  # float64[M, 2] east, north m
    bounds: Floats  # float64[4] least and greatest east and north
    site_height_m: float

    @classmethod
    def of(cls, zone: Zone, site: Site) -> "Ground":
        frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
        latitude, longitude = np.array(zone.corners).T
        corners = np.ascontiguousarray(frame.pos_enu(latitude, longitude, np.full(len(latitude), site.height_m))[:, :2])
        low, high = corners.min(axis=0) - zone.reach_m, corners.max(axis=0) + zone.reach_m
        return cls(zone, corners, np.array([low[0], high[0], low[1], high[1]]), site.height_m)

    def away_m(self, x: Floats) -> float:
        """Level distance of a state float64[6], m; 0 or less inside."""
        return float(away_m(x[0], x[1], self.corners, self.zone.shape == "polygon", self.zone.reach_m))

    def holds(self, x: Floats, margin_m: float) -> bool:
        """Is a state in it, or within ``margin_m`` beside it?"""
        z = self.zone
        return bool(
            is_inside(
                x, self.corners, z.shape == "polygon", z.reach_m, z.floor_m, z.ceiling_m, self.site_height_m, margin_m
            )
        )

    def entry(self, x: Floats, P: Floats, within_s: float) -> tuple[float, float]:
        """Probability that an object of state x, P is in it within ``within_s``, and the median time until then, s
        (inf where it is less probable than not)."""
        sigma = np.sqrt(np.maximum(np.diag(P), 0.0))
        speed = float(np.hypot(x[3], x[4]) + SIGMAS * np.hypot(sigma[3], sigma[4]))
        reach = speed * within_s + SIGMAS * float(np.hypot(sigma[0], sigma[1]) + WANDER[0] * within_s**1.5)
        if self.away_m(x) > reach:
            return 0.0, np.inf
        L = np.linalg.cholesky(P + 1e-9 * np.eye(6))
        z = self.zone
        p, t_s = entry(
            x, L, WANDER, DRAWS, STEP_S, int(np.ceil(within_s / STEP_S)), self.corners, z.shape == "polygon", z.reach_m,
            z.floor_m, z.ceiling_m, self.site_height_m, self.bounds,
        )  # fmt: skip
        return float(p), np.inf if t_s == NEVER else float(t_s)
