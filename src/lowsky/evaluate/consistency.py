"""Are errors as large as they are said to be? Bands for NEES and NIS, and whether they are white."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lowsky.model.measurement import Floats, Ints


def autocorrelation(values: Floats, series: Ints) -> tuple[float | None, int]:
    """Lag-1 autocorrelation about the mean of all, pooled over series, and from how many products.

    ``values`` float64[K], ``series`` int64[K]: rows of one series stand together, in order of time. White values have
    |ρ| < 2/√n in 95 of 100 cases. None where nothing follows anything.
    """
    if len(values) < 3:
        return None, 0
    deviation = values - values.mean()
    follows = series[1:] == series[:-1]
    n, power = int(follows.sum()), float((deviation**2).mean())
    if not n or power <= 0.0:
        return None, n
    return float((deviation[1:] * deviation[:-1])[follows].mean() / power), n


def independent(n: int, rho: float | None) -> float:
    """How many independent values say as much about the mean as ``n`` of a first-order series of correlation ρ."""
    rho = min(max(rho or 0.0, 0.0), 0.999)
    return n * (1.0 - rho) / (1.0 + rho)


def band(n_independent: float, size: int) -> tuple[float, float] | None:
    """Where the mean of χ² values divided by their size lies in 95 of 100 cases: 1 ± 1.96 √(2/(N n))."""
    if n_independent <= 0.0:
        return None
    half = 1.96 * float(np.sqrt(2.0 / (n_independent * size)))
    return max(0.0, 1.0 - half), 1.0 + half


def consistency(values: Floats, series: Ints, size: int) -> dict[str, Any]:
    """Mean of normalised squares float64[K] over their size, with its band, trimmed mean and autocorrelation."""
    rho, products = autocorrelation(values, series)
    n = len(values)
    limits = band(independent(n, rho), size) if n else None
    kept = np.sort(values)[: max(1, int(np.floor(0.99 * n)))] if n else values
    mean = float(values.mean() / size) if n else None
    return {
        "n": n,
        "mean": mean,
        "band_95": list(limits) if limits else None,
        "inside_band": bool(limits[0] <= mean <= limits[1]) if limits and mean is not None else None,
        "trimmed_99": float(kept.mean() / size) if n else None,
        "lag_1": rho,
        "lag_1_white_below": 2.0 / float(np.sqrt(products)) if products else None,
    }


@dataclass(frozen=True, slots=True)
class Innovations:
    """Normalised squared innovations: of each measurement against what was predicted for it."""

    sensor: tuple[str, ...]  # length K
    track: Ints  # int64[K]
    t_ns: Ints  # int64[K]
    nis: Floats  # float64[K]
    size: Ints  # int64[K] components of the measurement


def nis(found: Innovations) -> dict[str, Any]:
    """Consistency of each sensor's innovations. Those of other sizes are scaled to the sensor's usual size."""
    names = np.array(found.sensor, np.str_)
    out = {}
    for name in sorted(set(found.sensor)):
        rows = np.flatnonzero((names == name) & (found.size > 0) & np.isfinite(found.nis))
        rows = rows[np.lexsort((found.t_ns[rows], found.track[rows]))]
        if not len(rows):
            continue
        size = int(np.bincount(found.size[rows]).argmax())
        out[name] = consistency(found.nis[rows] / found.size[rows] * size, found.track[rows], size) | {"size": size}
    return out
