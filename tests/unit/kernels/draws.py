"""States, frames and rows to try kernels on, drawn from a seed."""

import numpy as np
from scipy.stats import special_ortho_group

from lowsky.kernels.motion import moving_scratch

RADAR, BEARING, REPORT = 1, 2, 3
WIDTH = {RADAR: 5, BEARING: 3, REPORT: 6}
GENERATOR = np.array(
    [
        [[-0.05, 0.045, 0.005], [0.18, -0.2, 0.02], [1 / 6, 1 / 6, -1 / 3]],
        [[-0.002, 0.002, 0.0], [0.3, -0.3, 0.0], [1.0, 0.0, -1.0]],  # a behaviour without the last mode
    ]
)
SHARE_BIRTH = np.array([[0.3, 0.7], [0.8, 0.2], [1.0, 0.0]])
FORGET_RATE = 0.01
MOTION = np.array(  # straight on, hovering in a wind, turning
    [
        [0.0, 0.1, 0.0, 0.02, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.7, 2.0, 0.3, 0.5, 0.0, 4.0, 3.0, -2.0, 1.0],
        [0.0, 1.0, 0.0, 0.1, 4.0, 0.0, 0.0, 0.0, 0.0],
    ]
)


def covariance(rng, scale):
    A = rng.normal(size=(len(scale), len(scale))) * np.asarray(scale)[:, None]
    return A @ A.T + np.diag(np.asarray(scale) ** 2) * 0.1


def state(rng):
    """A target a few kilometres off, and a well-conditioned covariance."""
    azimuth, range_m = rng.uniform(-np.pi, np.pi), rng.uniform(300, 8000)
    position = [range_m * np.sin(azimuth), range_m * np.cos(azimuth), rng.uniform(20, 0.5 * range_m)]
    x = np.array([*position, *rng.normal(0, 20, 3)])
    return x, covariance(rng, [20, 20, 20, 5, 5, 5])


def frame(rng):
    """Origin near the site's zero, and axes tilted as a neighbour's are."""
    return rng.normal(0, 100, 3), np.ascontiguousarray(special_ortho_group.rvs(3, random_state=rng))


def mirrored(rng, origin):
    """What a radar's station tells: its place, and below which elevation the ground disturbs the next one."""
    return np.concatenate((origin, [rng.uniform(-0.1, 0.6), 3.0, 0.0, 0.0, 1.0, 0.0]))


def modes(rng, x, P, n=3):
    mu = rng.dirichlet(np.ones(n))
    xs = x + rng.normal(size=(n, 6)) * [5, 5, 5, 1, 1, 1]
    return xs, np.array([P * k for k in rng.uniform(0.5, 2.0, n)]), mu


def shares(rng, n=3):
    """Probability of each of two behaviours, given the mode."""
    return rng.dirichlet(np.ones(2), n)


def packed(P):
    """float64[..., 21] of symmetric float64[..., 6, 6]."""
    return np.ascontiguousarray(P[..., *np.tril_indices(6)])


def whole(P):
    """float64[..., 6, 6] of packed float64[..., 21]."""
    out = np.empty((*P.shape[:-1], 6, 6))
    a, b = np.tril_indices(6)
    out[..., a, b] = out[..., b, a] = P
    return out


def pad(values, fill=np.nan):
    """A row of six components from fewer."""
    row = np.full(6, fill)
    row[: len(values)] = values
    return row


def columns(xs, Ps):
    """x float64[1, 6, M] and P float64[1, 21, M] of one track's modes float64[M, 6] and float64[M, 6, 6]."""
    return np.ascontiguousarray(xs.T)[None], np.ascontiguousarray(packed(Ps).T)[None]


def rows_of(x, P):
    """The other way: float64[M, 6], float64[M, 6, 6]."""
    return x[0].T, whole(np.ascontiguousarray(P[0].T))


def chain(n_mode=1):
    """What ``weigh_edges`` wants of columns and motion where nothing moves: share, xm, Pm; and the chain behind."""
    return (
        (np.full((1, n_mode, 2), 0.5), np.zeros((1, 6)), np.zeros((1, 6, 6))),
        (
            G := np.zeros((2, n_mode, n_mode)),
            moving_scratch(G, np.zeros((n_mode, 9))),
            np.full((n_mode, 2), 0.5),
            FORGET_RATE,
        ),
    )
