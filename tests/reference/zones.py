"""Twin of lowsky.kernels.zones: distances by dense points along the edges, inside by the winding angle; paths one by
one."""

from itertools import pairwise

import numpy as np


def away_m(point, corners, is_area, reach_m):
    """Signed level distance, good to a few centimetres."""
    point, corners = np.asarray(point, float), np.asarray(corners, float)
    ends = np.vstack((corners, corners[:1])) if is_area else corners
    if len(ends) == 1:
        best = np.linalg.norm(point - ends[0])
    else:
        share = np.linspace(0.0, 1.0, 20_001)[:, None]
        best = min(np.linalg.norm(a + share * (b - a) - point, axis=1).min() for a, b in pairwise(ends))
    if not is_area:
        return best - reach_m
    angle = np.arctan2(*(ends - point).T[::-1])
    turned = np.diff(angle)
    turned = (turned + np.pi) % (2 * np.pi) - np.pi
    return -best if abs(turned.sum()) > np.pi else best


def entry(x, P, q, draws, times_s, is_in):
    """Share of the paths that are in at any time."""
    states = x + draws[:, :6] @ np.linalg.cholesky(P).T
    spread = np.sqrt(np.array([q[0], q[0], q[1]]) / 3.0) * draws[:, 6:]
    entered = 0
    for state, off in zip(states, spread):
        entered += any(is_in(state[:3] + t * state[3:] + t**1.5 * off) for t in times_s)
    return entered / len(draws)
