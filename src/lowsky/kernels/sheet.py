"""One track's modes side by side: each number of a Gaussian is eight lanes, one for each mode.

A sheet is scratch, float64[``SHEET``]: rows of eight, of which row a is component a of the means and row 6 + k entry k
of the packed covariances (``kernels.packed``). It fits into the processor's nearest memory, where the table does not.
The table keeps the same numbers in the same order without the empty lanes: x float64[T, 6, M], P float64[T, 21, M].
"""

import math

import numpy as np

from lowsky.kernels.compiled import lean
from lowsky.kernels.lanes import LANES, any_above, first, load, load_first, put, put_first, total
from lowsky.kernels.packed import N_PACKED, is_positive

MEAN, COVARIANCE = 0, 6 * LANES
SHEET = (6 + N_PACKED) * LANES
DIAGONAL = np.array([0, 2, 5, 9, 14, 20])


@lean
def take(x, P, i, sheet):
    """Row i of the table onto a sheet. No sums in it, so no twin."""
    n_mode = x.shape[2]
    for a in range(6):
        put(sheet, MEAN + a * LANES, load_first(x, (i * 6 + a) * n_mode, n_mode))
    for k in range(N_PACKED):
        put(sheet, COVARIANCE + k * LANES, load_first(P, (i * N_PACKED + k) * n_mode, n_mode))


@lean
def give(sheet, x, P, i):
    """A sheet into row i of the table. No sums in it, so no twin."""
    n_mode = x.shape[2]
    for a in range(6):
        put_first(x, (i * 6 + a) * n_mode, n_mode, load(sheet, MEAN + a * LANES))
    for k in range(N_PACKED):
        put_first(P, (i * N_PACKED + k) * n_mode, n_mode, load(sheet, COVARIANCE + k * LANES))


@lean
def lift(sheet, m, x, P):
    """Mode m of a sheet as float64[6] and float64[6, 6]. No sums in it, so no twin."""
    k = 0
    for a in range(6):
        x[a] = sheet[MEAN + a * LANES + m]
        for b in range(a + 1):
            P[a, b] = sheet[COVARIANCE + k * LANES + m]
            P[b, a] = P[a, b]
            k += 1


@lean
def lay(x, P, sheet, m):
    """The other way: float64[6] and the lower half of float64[6, 6] become mode m. No sums in it, so no twin."""
    k = 0
    for a in range(6):
        sheet[MEAN + a * LANES + m] = x[a]
        for b in range(a + 1):
            sheet[COVARIANCE + k * LANES + m] = P[a, b]
            k += 1


@lean
def merge(sheet, mu, xm, Pm):
    """Mean and covariance of a sheet's mixture with probabilities ``mu`` float64[M]: float64[6], float64[6, 6].

    Twin: ``motion.merge_modes``.
    """
    weight = load_first(mu, 0, mu.shape[0])
    for a in range(6):
        xm[a] = total(weight * load(sheet, MEAN + a * LANES))
    k = 0
    for a in range(6):
        away = weight * (load(sheet, MEAN + a * LANES) - xm[a])
        for b in range(a + 1):
            spread_of = away * (load(sheet, MEAN + b * LANES) - xm[b])
            s = total(weight * load(sheet, COVARIANCE + k * LANES) + spread_of)
            Pm[a, b] = s
            Pm[b, a] = s
            k += 1


@lean
def settle(sheet, mu, xm, Pm, L, var_floor, var_ceiling):
    """Bound a sheet's covariances, merge its modes and say whether it is still a state.

    Diagonals below ``var_floor`` (float64[2]: position m², velocity m²/s²) are raised, those above ``var_ceiling``
    (float64[2]) are capped with their row scaled so that correlations stay. Returns True when all is finite and the
    merged covariance is positive definite; ``L`` float64[6, 6] is scratch.
    """
    n_mode = mu.shape[0]
    real = first(n_mode)
    for a in range(6):
        variance = load(sheet, COVARIANCE + DIAGONAL[a] * LANES)
        low, high = var_floor[a // 3], var_ceiling[a // 3]
        if any_above(variance, high) or any_above(real * low, variance):
            for m in range(n_mode):
                _bound(sheet, m, a, low, high)
    merge(sheet, mu, xm, Pm)
    for a in range(6):
        if not math.isfinite(xm[a]):
            return False
    return is_positive(Pm, L)


@lean
def _bound(sheet, m, a, low, high):
    at = COVARIANCE + DIAGONAL[a] * LANES + m
    if sheet[at] > high:
        scale = math.sqrt(high / sheet[at])
        for b in range(6):
            top, side = max(a, b), min(a, b)
            k = top * (top + 1) // 2 + side
            sheet[COVARIANCE + k * LANES + m] *= scale if a != b else scale * scale
    elif sheet[at] < low:
        sheet[at] = low
