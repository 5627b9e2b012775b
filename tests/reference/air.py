"""Twin of lowsky.kernels.air: one plain filter after the other."""

from tests.reference.motion import predict_cv
from tests.reference.update import condition


def straight_steps(kind, x, P, dt, z, var, origin, C, height, q, q_vertical):
    """Of one witness and plot: states, covariances, d² and log-likelihoods, each of all levels ``q``."""
    moved = [predict_cv(x[n], P[n], dt, q[n], q_vertical) for n in range(len(q))]
    return zip(*(condition(kind, *m, z, var, 0.0, origin, C, height) for m in moved), strict=True)
