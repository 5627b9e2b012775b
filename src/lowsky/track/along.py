"""Where an object's clock is wrong, its reports are all off by the same way along its path.

A position that is older than it says lies behind by v·σ_t: 80 m for an airliner. As the error lasts, many reports are
no better than one, and yet what lies between two of them is well known. So the table keeps a track that is followed by
its reports in *their* place: P does not hold the common part L = (v σ_t)² along the path, ``lag_var`` does. It is added
where another sensor meets the track, and where it is shown. A track that another sensor saw a moment ago, and knows
better than L, takes reports as rows with that much more variance. docs/decisions/0047.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lowsky.kernels.packed import N_PACKED
from lowsky.model.measurement import Floats, Ints
from lowsky.track.rows import Rows, Station
from lowsky.track.settings import TrackerSettings
from lowsky.track.table import TrackTable

PLACE = np.tril_indices(3)  # of packed covariances, the first six numbers


def along_track(rows: Rows, settings: TrackerSettings) -> Rows:
    """Reports in axes whose first is where the object says it is going, and with L in their variance along it.

    Reports without a velocity stay as they are.
    """
    speed = np.hypot(rows.z[:, 3], rows.z[:, 4])
    moving = np.flatnonzero(speed > 0.0)  # NaN is not
    if not len(moving):
        return rows
    z, var, C = rows.z.copy(), rows.var.copy(), rows.C.copy()
    east, north = z[moving, 3] / speed[moving], z[moving, 4] / speed[moving]
    C[moving, 0] = east[:, None] * rows.C[moving, 0] + north[:, None] * rows.C[moving, 1]
    C[moving, 1] = east[:, None] * rows.C[moving, 1] - north[:, None] * rows.C[moving, 0]
    z[moving, 3], z[moving, 4] = speed[moving], 0.0
    for pair in ((0, 1), (3, 4)):  # one σ for both: other axes have other ones
        var[np.ix_(moving, pair)] = var[np.ix_(moving, pair)].max(axis=1, keepdims=True)
    var[:, 0] += common_part(z, settings)
    return replace(rows, z=z, var=var, C=C)


def common_part(z: Floats, settings: TrackerSettings) -> Floats:
    """L of rows that ``along_track`` made, m²."""
    return np.asarray((np.nan_to_num(z[:, 3]) * settings.report_clock_sigma_s) ** 2)


def in_their_place(
    table: TrackTable, track: Ints, rows: Rows, mine: Ints, other: Ints, alone_s: float
) -> NDArray[np.bool_]:
    """bool[K]: does the track of each report ``mine`` (int64[K]) go on in the reports' own place?

    Not where one of the sensors ``other`` (indices) saw it within ``alone_s`` and knows it better than L.
    """
    axis = rows.C[mine, 0]
    known = np.einsum("ka,kab,kb->k", axis, table.Pm[track, :3, :3], axis)
    seen_ns = table.t_hit_ns[track][:, other].max(axis=1, initial=0)
    alone = rows.t_ns[mine] - seen_ns > alone_s * 1e9
    return np.asarray((table.lag_var[track] > 0.0) | alone | (known >= rows.var[mine, 0]))


def meet_others(table: TrackTable, station: Station) -> None:
    """Tracks in reach of ``station``, which is about to speak of them, get the common part into their covariance."""
    lagging = np.flatnonzero(table.lag_var[: table.n] > 0.0)
    if not len(lagging):
        return
    far = np.linalg.norm(table.xm[lagging, :3] - station.origin[0], axis=1)
    near = lagging[far <= station.limits[1]]
    if len(near):
        more = common_covariance(table.xm[near], table.lag_var[near])
        table.Pm[near, :3, :3] += more
        packed = np.zeros((len(near), N_PACKED))
        packed[:, :6] = more[:, PLACE[0], PLACE[1]]
        table.P[near] += packed[:, :, None]  # the same in every mode
        table.lag_var[near] = 0.0


def common_covariance(x: Floats, lag_var: Floats) -> NDArray[np.float64]:
    """float64[K, 3, 3] of states float64[K, 6]: ``lag_var`` along their way."""
    axis = x[:, 3:] / np.maximum(np.linalg.norm(x[:, 3:], axis=1, keepdims=True), 1e-3)
    return np.asarray(lag_var[:, None, None] * axis[:, :, None] * axis[:, None, :])
