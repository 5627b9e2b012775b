"""Twin of lowsky.kernels.clairvoyant: the joint update with matrices, the bound in information form."""

from itertools import pairwise

import numpy as np

from tests.reference.motion import merge_modes, mix_modes, predict_cv, transition_matrix
from tests.reference.observe import jacobian
from tests.reference.update import condition


def follow(rows, q, G, birth):
    """(xm, Pm) after each of one target's rows (kind, t_s, z, var, origin, C, height); ``birth`` is the first state."""
    out = [birth]
    n_mode = len(q)
    x, P, mu = np.repeat(birth[0][None], n_mode, 0), np.repeat(birth[1][None], n_mode, 0), np.full(n_mode, 1 / n_mode)
    for before, (kind, t_s, z, var, origin, C, height) in pairwise(rows):
        dt = t_s - before[1]
        x, P, mu = mix_modes(x, P, mu, transition_matrix(G, dt))
        log_l = np.empty(n_mode)
        for m in range(n_mode):
            x_m, P_m = predict_cv(x[m], P[m], dt, *q[m])
            x[m], P[m], _, log_l[m] = condition(kind, x_m, P_m, z, var, 0.0, origin, C, height)
        mu = mu * np.exp(log_l - log_l.max())
        mu /= mu.sum()
        out.append(merge_modes(x, P, mu))
    return out


def bound(rows, x_true, q, var_velocity):
    """J⁻¹ after each of one target's rows, from its information matrix."""
    J = np.diag([1e-10] * 3 + [1 / var_velocity[0]] * 2 + [1 / var_velocity[1]])
    out, t_before = [], rows[0][1]
    for (kind, t_s, z, var, origin, C, height), x in zip(rows, x_true, strict=True):
        if t_s > t_before:
            J = np.linalg.inv(predict_cv(np.zeros(6), np.linalg.inv(J), t_s - t_before, *q)[1])
        H = jacobian(kind, x, 0.0, origin, C, height)
        used = [k for k in range(len(H)) if np.isfinite(z[k])]
        J = J + H[used].T @ np.diag(1 / np.asarray(var)[used]) @ H[used]
        out.append(np.linalg.inv(J))
        t_before = t_s
    return out
