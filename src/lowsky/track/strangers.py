"""Bearings that may be of somebody whom no track stands for.

A camera is good to a twentieth of a degree. A track that no radar has seen for some seconds may be anywhere within
several: whoever stands in line of sight with it, behind a wall from the radars, too weak for them or just lost, is
within its gate, and one bearing of him outweighs all that was known. Ten more, as the camera dwells, make it sure.

How many there are nobody knows: about ``strangers`` in sight of a sensor, evenly spread. So before a bearing decides
where a track is, the odds are asked that it is a stranger's: with ρ of them per unit of angle, S the covariance of the
innovation and d² its square, ρ over the track's density there, ::

    ρ 2π √det S e^{d²/2}        of azimuth alone  ρ √(2π) σ e^{d²/2}

Where these, and the odds (1 − p)/p that it is another track's, are more than a few hundredths, and the bearing so much
finer than the track that it would decide, it tells the track nothing. All bearings of a dwell are of one object, so
they share one doubt: none of them is used, and the doubt stays what it was, until a radar sees the track again.
docs/decisions/0047.
"""

import math

import numpy as np
from numpy.typing import NDArray

from lowsky.model.measurement import Floats, Ints
from lowsky.track.core import Core
from lowsky.track.lasting import geometry
from lowsky.track.rows import Rows, Station

LEAST_WEIGHT = 1e-9
FAR = 100.0
"""d² beyond which nothing is weighed any more; keeps the exponential finite."""


def may_be_strangers(
    core: Core, station: Station, rows: Rows, edges: tuple[Ints, Ints, Floats], d2: Floats
) -> NDArray[np.bool_]:
    """bool[E]: pairs of a table row and a BEARING row, weight and d² of each, that would decide where the track is
    though the bearing may well be somebody else's."""
    track, row, p_edge = edges
    settings, table = core.settings, core.table
    places, which = np.unique(track, return_inverse=True)
    G = geometry(station, table.xm[places, :3])[:, 1:]
    S = (G @ table.Pm[places, :3, :3] @ G.transpose(0, 2, 1))[which]
    R, two = rows.var[row, :2], np.isfinite(rows.z[row, 1])
    S[:, [0, 1], [0, 1]] += R
    det_S = np.where(two, S[:, 0, 0] * S[:, 1, 1] - S[:, 0, 1] ** 2, S[:, 0, 0])
    det_R = np.where(two, R[:, 0] * R[:, 1], R[:, 0])
    density = settings.strangers / (2.0 * math.pi) / np.where(two, settings.strangers_below, 1.0)
    odds = density * np.where(two, 2.0 * math.pi, math.sqrt(2.0 * math.pi)) * np.sqrt(det_S)
    odds = odds * np.exp(0.5 * np.minimum(d2, FAR)) + (1.0 - p_edge) / np.maximum(p_edge, LEAST_WEIGHT)
    decides = det_S > settings.stranger_finer ** np.where(two, 4.0, 2.0) * det_R
    return np.asarray(decides & (odds > settings.stranger_odds))
