"""What a radar has taught us about its false plots: where they come from, and how many."""

from typing import Any

import numpy as np

from lowsky.constants import SECOND_NS
from lowsky.kernels.clutter import (
    EDGES_RAD,
    FINEST,
    N_CELLS,
    N_RATES,
    RATE_EDGES_MPS,
    RATES,
    SIDES,
    clutter_density,
    count_clutter,
)
from lowsky.model.measurement import Coverage, Floats
from lowsky.track.fading import Fading
from lowsky.track.rows import Station

LONGEST_GAP_PERIODS = 2.0
"""A pause of a streaming radar counts as at most so many looks: while it is silent it looks at nothing."""
NO_WIDTH_RAD = 1e-3
"""Of layers beyond what the radar covers, for plots that come from there all the same."""
NO_WIDTH_MPS = 0.1
"""Of bins of range rate beyond what is expected, likewise."""


def spread(width: Floats) -> Floats:
    """Of each level and layer of finest cells (``width`` rad, and one layer without elevation), the share that its cell
    has of the volume of the parent's; float64[levels, layers]."""
    layers = len(width)
    shares, above = np.empty((len(SIDES), layers + 1)), np.full(layers + 1, width.sum())
    cells = 1
    for level, (n_range, n_azimuth, n_layer) in enumerate(SIDES.tolist()):
        group = np.arange(layers) * n_layer // layers
        own = np.append(np.bincount(group, width)[group], width.sum())
        shares[level] = own / above * cells / (n_range * n_azimuth)
        above, cells = own, n_range * n_azimuth
    return shares


def share_of_look(station: Station, coverage: Coverage | None, t_ns: int, before_ns: int) -> float:
    """How much of a radar's whole look a batch is; ``before_ns`` is when its last came (0: none)."""
    if coverage is not None:
        return float(min((coverage.azimuth_to_rad - coverage.azimuth_from_rad) / station.extent[1], 1.0))
    if not before_ns:
        return 0.0
    return min(max((t_ns - before_ns) / SECOND_NS / station.look_s, 0.0), LONGEST_GAP_PERIODS)


class ClutterMap:
    """Counts of false plots of one radar in cells of range, azimuth and elevation, fading with ``memory_s``, or within
    ``memory_looks`` of its looks where these take longer."""

    def __init__(self, station: Station, memory_s: float, memory_looks: float) -> None:
        sensor, extent = station.sensor, station.extent
        self._fading = Fading(max(memory_s, memory_looks * (sensor.look_period_s or 0.0)))
        self._station = station
        self._extent = extent
        self._grid = np.array([sensor.min_range_m, extent[0] / FINEST[0], sensor.azimuth_rad[0], extent[1] / FINEST[1]])
        low, high = sensor.elevation_rad[0], sensor.elevation_rad[0] + extent[2]
        self._edges = np.clip(EDGES_RAD, low, high)
        width = np.maximum(np.diff([low, *self._edges, high]), NO_WIDTH_RAD)
        self._width = np.append(width, 1.0)
        self._spread = spread(width)
        half = 0.5 * extent[3]
        self._rate_edges = np.clip([*-RATE_EDGES_MPS[::-1], *RATE_EDGES_MPS], -half, half)
        self._rate_width = np.maximum(np.diff([-half, *self._rate_edges, half]), NO_WIDTH_MPS)
        self._prior = station.clutter
        self._rates = np.zeros(N_RATES, np.float32)
        self._counts = np.zeros(N_CELLS, np.float32)
        self._looks = np.zeros(1)
        self._t_seen_ns = 0

    def density(self, z: Floats, own: Floats | None = None) -> Floats:
        """False plots per look and unit volume of the components each row has, float64[N]. z float64[N, 6]; ``own``
        float64[N] is what was learnt of each row itself just now, and is left out: the others of its look speak."""
        kappa = np.empty(len(z))
        scale = 1.0 / self._growth()
        clutter_density(
            z, np.zeros(len(z)) if own is None else own, self._counts, self._rates, scale,
            float(self._looks[0]) * scale, self._grid, self._edges, self._rate_edges, self._spread, self._width,
            self._rate_width, self._prior, self._extent, np.empty(RATES), kappa,
        )  # fmt: skip
        return kappa

    def learn(self, z: Floats, weight: Floats, t_ns: int, coverage: Coverage | None) -> None:
        """Rows of a look with their probabilities of being false; how much of a look it was."""
        share = share_of_look(self._station, coverage, t_ns, self._t_seen_ns)
        self._t_seen_ns = max(self._t_seen_ns, t_ns)
        growth = self._growth()
        self._looks += share * growth
        if len(z):
            count_clutter(z, weight * growth, self._counts, self._rates, self._grid, self._edges, self._rate_edges)

    def _growth(self) -> float:
        return self._fading.growth(self._t_seen_ns, self._counts, self._rates, self._looks)

    def dump(self) -> list[Any]:
        used, rated = np.flatnonzero(self._counts), np.flatnonzero(self._rates)
        return [
            self._fading.t_base_ns,
            self._t_seen_ns,
            float(self._looks[0]),
            used.tobytes(),
            self._counts[used].tobytes(),
            rated.tobytes(),
            self._rates[rated].tobytes(),
        ]

    def load(self, saved: list[Any]) -> None:
        self._fading.t_base_ns, self._t_seen_ns, self._looks[0] = saved[0], saved[1], saved[2]
        self._counts[:] = 0.0
        self._counts[np.frombuffer(saved[3], np.int64)] = np.frombuffer(saved[4], np.float32)
        self._rates[:] = 0.0
        self._rates[np.frombuffer(saved[5], np.int64)] = np.frombuffer(saved[6], np.float32)
