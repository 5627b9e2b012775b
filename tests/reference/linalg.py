"""Twin of lowsky.kernels.linalg: NumPy's own."""

import numpy as np


def cholesky(S):
    return np.linalg.cholesky(S)


def distance2(nu, S):
    return nu @ np.linalg.solve(S, nu)
