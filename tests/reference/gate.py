"""Twin of lowsky.kernels.gate.pairs: every pair is looked at."""

import numpy as np


def pairs(u, v, half_u, half_v, row_u, row_v, periodic, skip_track, skip_row):
    """List of (track, row) within the box, in order."""
    found = []
    for i in range(len(u)):
        for j in range(len(row_u)):
            dv = row_v[j] - v[i]
            if periodic:
                dv = (dv + np.pi) % (2 * np.pi) - np.pi
            inside = abs(row_u[j] - u[i]) <= half_u[i] and abs(dv) <= half_v[i]
            if inside and not (skip_track[i] and skip_row[j]):
                found.append((i, j))
    return found
