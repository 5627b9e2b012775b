"""How likely are one object's plots, if it flies straight in air of this or that roughness?"""

from lowsky.kernels.compiled import njit
from lowsky.kernels.motion import predict_cv
from lowsky.kernels.update import condition


@njit
def straight_steps(
    kind, slot, row, x, P, t_ns, z, var, weak_height, t_row_ns, origin, C, height, frame_of_row, q, q_vertical, gained,
    d2, work,
):  # fmt: skip
    """Each of K plots ``row`` moves the filters of its ``slot``, one for each level of noise, in place.

    Parameters
    ----------
    slot, row : int64[K]
        No slot twice.
    x, P, t_ns : float64[W, L, 6], float64[W, L, 6, 6], int64[W], in place
        Constant velocity under white acceleration of density ``q`` (float64[L], m²/s³; vertical ``q_vertical``).
    gained, d2 : float64[K, L], outputs
        Log-likelihood of the plot, given those before, and its distance.
    work : tuple
        ``update.scratch()``.
    """
    for k in range(slot.shape[0]):
        w, j = slot[k], row[k]
        f = frame_of_row[j]
        dt = max((t_row_ns[j] - t_ns[w]) * 1e-9, 0.0)
        for n in range(q.shape[0]):
            predict_cv(x[w, n], P[w, n], dt, q[n], q_vertical)
            d2[k, n], gained[k, n], _ = condition(
                kind, x[w, n], P[w, n], z[j], var[j], weak_height[j], 0.0, origin[f], C[f], height[f], work
            )
        t_ns[w] = t_row_ns[j]
