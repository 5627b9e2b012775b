"""Do two tracks describe one object?"""

import math

import numpy as np

from lowsky.kernels.compiled import njit
from lowsky.kernels.gate import pairs
from lowsky.kernels.linalg import distance2

APART, AGREE = 1, 2


@njit
def reach(rows, xm, Pm, t_report_ns, gate, floor, half):
    r"""How far from each of the table's ``rows`` (int64[K]) another may lie, east or north, that agrees with it in the
    sense of ``agreeing_pairs``: √gate σ of its own and of the widest, into ``half`` float64[K].

    d² is never less than that along one axis, and √(a + b) ≤ √a + √b, so no pair is lost. Twin in tests/reference.
    """
    fastest, widest, is_late = 0.0, 0.0, False
    for i in rows:
        is_late = is_late or t_report_ns[i] != 0
        for c in range(3, 6):
            fastest = max(fastest, abs(xm[i, c]))
    lag = floor[2] * fastest if is_late else 0.0
    more = 0.5 * (floor[0] ** 2 + lag * lag)
    for k in range(rows.shape[0]):
        i = rows[k]
        half[k] = math.sqrt(gate * (max(Pm[i, 0, 0], Pm[i, 1, 1]) + more))
        widest = max(widest, half[k])
    for k in range(rows.shape[0]):
        half[k] = min(half[k] + widest, floor[3])


@njit
def near_pairs(rows, now_ns, t_ns, xm, half, most):
    """Pairs of the table's ``rows`` (int64[K]) of which the later lies in the box of the earlier, ``half`` float64[K]
    to each side: table rows int64[E] both, in order. Moved to ``now_ns`` at constant velocity; at most ``most`` of
    each.

    One ``gate.pairs``, which has the twin.
    """
    n = rows.shape[0]
    east, north, none = np.empty(n), np.empty(n), np.zeros(n, np.bool_)
    for k in range(n):
        i = rows[k]
        ahead = (now_ns - t_ns[i]) * 1e-9
        east[k], north[k] = xm[i, 0] + ahead * xm[i, 3], xm[i, 1] + ahead * xm[i, 4]
    first, second, _ = pairs(east, north, half, half, east, north, False, none, none, most)
    found = 0
    for e in range(first.shape[0]):
        a, b = first[e], second[e]
        if b > a:
            first[found], second[found] = rows[a], rows[b]
            found += 1
    return first[:found], second[:found]


@njit
def agreeing_pairs(first, second, now_ns, t_ns, xm, Pm, has_identity, look_hit, t_report_ns, floor, gate, agree):
    r"""For each pair of table rows: same position *and* velocity, not both named, never both in one look.

    Both are moved to ``now_ns`` at constant velocity; with δ their difference::

        δᵀ (P_a + P_b + F)⁻¹ δ ≤ gate       F = diag(f_p² + (f_t |v|)², …, f_v²)

    Parameters
    ----------
    first, second : int64[K]
    look_hit : int64[C, S]
        Step in which each sensor last fed the track; equal and not 0: seen apart, so two objects.
    t_report_ns : int64[C]
        Not 0: reports itself, so f_t counts (its place lags by its latency).
    floor : float64[4]
        f_p (m), f_v (m/s), f_t (s), greatest distance (m).
    agree : uint8[K], output
        ``AGREE``; ``APART`` where they agree but for having been seen in one look; else 0.
    """
    delta, S, L, w = np.empty(6), np.empty((6, 6)), np.zeros((6, 6)), np.empty(6)
    for k in range(first.shape[0]):
        a, b = first[k], second[k]
        agree[k] = 0
        if has_identity[a] and has_identity[b]:
            continue
        dt_a, dt_b = (now_ns - t_ns[a]) * 1e-9, (now_ns - t_ns[b]) * 1e-9
        distance, speed, spread = 0.0, 0.0, 0.0
        for c in range(3):
            delta[c] = xm[a, c] + dt_a * xm[a, c + 3] - xm[b, c] - dt_b * xm[b, c + 3]
            delta[c + 3] = xm[a, c + 3] - xm[b, c + 3]
            distance += delta[c] ** 2
            speed = max(speed, abs(xm[a, c + 3]), abs(xm[b, c + 3]))
            spread += Pm[a, c, c] + Pm[b, c, c]
        lag = floor[2] * speed if t_report_ns[a] != 0 or t_report_ns[b] != 0 else 0.0
        spread += 3.0 * (floor[0] ** 2 + lag * lag)
        # no direction's variance exceeds the trace: most pairs end here
        if distance > floor[3] * floor[3] or distance > 1.000001 * gate * spread:
            continue
        for r in range(6):
            for c in range(6):
                S[r, c] = Pm[a, r, c] + Pm[b, r, c]
            S[r, r] += floor[0] ** 2 + lag * lag if r < 3 else floor[1] ** 2
        d2 = distance2(delta, S, L, w)
        if math.isfinite(d2) and d2 <= gate:
            agree[k] = AGREE
            for s in range(look_hit.shape[1]):
                if look_hit[a, s] == look_hit[b, s] and look_hit[a, s] > 0:
                    agree[k] = APART
