"""Small dense linear algebra written out: no allocation, no exception."""

import math

from lowsky.kernels.compiled import lean

OK, NOT_FINITE, NOT_POSITIVE_DEFINITE = 0, 1, 2


@lean
def cholesky(S, L):
    """Write the lower factor of S = L Lᵀ into ``L``; return a status code. Reads only the lower half of S.

    Parameters
    ----------
    S : float64[D, D]
    L : float64[D, D], output; its upper half is left alone

    Returns
    -------
    status : int
        ``OK``, ``NOT_FINITE`` or ``NOT_POSITIVE_DEFINITE``. Never raises.
    """
    for r in range(S.shape[0]):
        for c in range(r + 1):
            s = S[r, c]
            for k in range(c):
                s -= L[r, k] * L[c, k]
            if not math.isfinite(s):
                return NOT_FINITE
            if c < r:
                L[r, c] = s / L[c, c]
            elif s > 0.0:
                L[r, r] = math.sqrt(s)
            else:
                return NOT_POSITIVE_DEFINITE
    return OK


@lean
def distance2(nu, S, L, w):
    """νᵀ S⁻¹ ν by forward substitution in ``L`` (float64[D, D], scratch) and ``w`` (float64[D], scratch).

    Infinity where S is not positive definite.
    """
    if cholesky(S, L) != OK:
        return math.inf
    total = 0.0
    for r in range(nu.shape[0]):
        s = nu[r]
        for k in range(r):
            s -= L[r, k] * w[k]
        w[r] = s / L[r, r]
        total += w[r] * w[r]
    return total
