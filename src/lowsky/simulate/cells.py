"""Resolution cells: detected targets of one cell give one plot."""

import numpy as np
from numpy.typing import NDArray

from lowsky.model.measurement import Floats, Ints
from lowsky.simulate.scenario import Cells
from lowsky.simulate.start import Generator

Values = tuple[Floats, Floats, Floats]


def merged(
    rng: Generator, cells: Cells, look: Ints, polar: Floats, of: Values, weight: Floats | None = None
) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """The centroid of each detection's cell, and which detection speaks for it.

    The grid of cells lies anew in each look (uniform phase on each axis). Where it meets itself behind the sensor
    (azimuth 0) a cell may be cut.

    Parameters
    ----------
    look : int64[R]
        In ascending order.
    polar : float64[R, 3]
        Range m, azimuth rad, elevation rad of the targets themselves, without noise.
    of : (float64[R, 3], float64[R, 3], float64[R])
        Position m and velocity m/s in the sensor's axes, cross-section dBsm.
    weight : float64[R]
        Of each detection in its cell: its power; alike where None.

    Returns
    -------
    pos, vel, rcs_dbsm : float64[R, 3], float64[R, 3], float64[R]
        Weighted mean position and velocity of the cell, sum of its cross-sections; of a target alone its own.
    first : bool[R]
        The first detection of each cell.
    """
    pos, vel, rcs_dbsm = of
    degrees = np.degrees(polar[:, 1:])
    values = (polar[:, 0], degrees[:, 0] % 360.0, degrees[:, 1] + 90.0)
    looks = int(look[-1]) + 1 if len(look) else 0
    axes = [look]
    for value, size in zip(values, (cells.range_m, cells.azimuth_deg, cells.elevation_deg), strict=True):
        phase = rng.random(looks)
        if size is not None:
            axes.append(np.floor(value / size + phase[look]).astype(np.int64))
    _, first_row, cell, count = np.unique(
        np.stack(axes), axis=1, return_index=True, return_inverse=True, return_counts=True
    )
    cell = cell.reshape(-1)
    first = np.zeros(len(look), np.bool_)
    first[first_row] = True
    alone = count[cell] == 1
    total = count if weight is None else np.bincount(cell, weight)
    power = np.bincount(cell, 10.0 ** (rcs_dbsm / 10.0))[cell]
    return (
        np.where(alone[:, None], pos, _mean(pos, cell, total, weight)),
        np.where(alone[:, None], vel, _mean(vel, cell, total, weight)),
        np.where(alone, rcs_dbsm, 10.0 * np.log10(np.maximum(power, 1e-30))),
        first,
    )


def _mean(values: Floats, cell: Ints, total: NDArray[np.generic], weight: Floats | None) -> Floats:
    weighted = values if weight is None else values * weight[:, None]
    sums = np.stack([np.bincount(cell, weighted[:, axis]) for axis in range(values.shape[1])], axis=-1)
    return np.asarray(sums.reshape(-1, values.shape[1])[cell] / total[cell, None])
