"""Symmetric 6×6 matrices as the 21 entries on and below their diagonal, row by row: (a, b), b ≤ a, is a (a + 1)/2 + b.

The table keeps its covariances so: 41 % less memory, and symmetric by construction.
"""

import math

import numpy as np

from lowsky.kernels.compiled import njit

N_PACKED = 21
DIAGONAL = np.array([0, 2, 5, 9, 14, 20])


@njit
def pack(P, packed):
    """Lower half of ``P`` float64[6, 6] into ``packed`` float64[21]. Twin: ``np.tril_indices``."""
    k = 0
    for a in range(6):
        for b in range(a + 1):
            packed[k] = P[a, b]
            k += 1


@njit
def unpack(packed, P):
    """``packed`` float64[21] into both halves of ``P`` float64[6, 6]. Twin: ``np.tril_indices``."""
    k = 0
    for a in range(6):
        for b in range(a + 1):
            P[a, b] = packed[k]
            P[b, a] = packed[k]
            k += 1


@njit
def merge_packed(x, P, mu, xm, Pm):
    """``motion.merge_modes``, which is its twin, of packed covariances: P float64[M, 21] -> Pm float64[6, 6]."""
    n_mode = mu.shape[0]
    for a in range(6):
        s = 0.0
        for m in range(n_mode):
            s += mu[m] * x[m, a]
        xm[a] = s
    k = 0
    for a in range(6):
        for b in range(a + 1):
            s = 0.0
            for m in range(n_mode):
                s += mu[m] * (P[m, k] + (x[m, a] - xm[a]) * (x[m, b] - xm[b]))
            Pm[a, b] = s
            Pm[b, a] = s
            k += 1


@njit
def settle(x, P, mu, xm, Pm, L, var_floor, var_ceiling):
    """Bound one track's covariances, merge its modes and say whether it is still a state.

    Diagonals below ``var_floor`` (float64[2]: position m², velocity m²/s²) are raised, those above
    ``var_ceiling`` (float64[2]) are capped with their row scaled so that correlations stay. Returns True when
    all is finite and the merged covariance is positive definite; ``L`` float64[6, 6] is scratch. P is packed.
    """
    for m in range(mu.shape[0]):
        for a in range(6):
            group = 0 if a < 3 else 1
            at = DIAGONAL[a]
            if P[m, at] > var_ceiling[group]:
                scale = math.sqrt(var_ceiling[group] / P[m, at])
                for b in range(6):
                    hi, lo = max(a, b), min(a, b)
                    P[m, hi * (hi + 1) // 2 + lo] *= scale if a != b else scale * scale
            elif P[m, at] < var_floor[group]:
                P[m, at] = var_floor[group]
    merge_packed(x, P, mu, xm, Pm)
    for a in range(6):
        if not math.isfinite(xm[a]):
            return False
    return is_positive(Pm, L)


@njit
def is_positive(S, L):
    """Is S float64[6, 6] finite and positive definite? S = L D Lᵀ without a root, in ``L`` float64[6, 6], scratch.

    Twin: ``linalg.cholesky``.
    """
    good = True
    for r in range(6):
        for c in range(r):
            s = S[r, c]
            for k in range(c):
                s -= L[r, k] * L[k, c]
            L[c, r] = s  # L D, above the diagonal
            L[r, c] = s * L[c, c]
        s = S[r, r]
        for c in range(r):
            s -= L[r, c] * L[c, r]
        good = good and 0.0 < s < math.inf
        L[r, r] = 1.0 / s
    return good
