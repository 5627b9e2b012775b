"""Registration: reporting objects followed by their reports alone, and what a sensor's rows say about its errors.

β has ``N_ERROR`` components, what the sensor states minus what is true: range m, azimuth rad, elevation rad, time s,
and where it stands, east and north, m (stated minus true position in the site's frame). With z the row stated for
time t, p and v the object's state then, and h from ``observe``::

    z = h(p − v b_t + b_pos) + (b_r, b_θ, b_φ) + noise
"""

import math

import numpy as np

from lowsky.kernels.compiled import lean, njit
from lowsky.kernels.observe import BEARING, IS_ANGLE, RADAR, REPORT, mind_ground, observe, wrap

N_ERROR = 6
RANGE, AZIMUTH, ELEVATION, TIME, EAST, NORTH = range(N_ERROR)
LONGEST_STEP_S = 60.0


@njit
def room():
    """Work arrays of ``condition_joint``: z_pred, H, extra, d, u, g, h, Ph, dx, p, P. No sums in it, so no twin."""
    return (
        np.zeros(6), np.zeros((6, 6)), np.zeros(6), np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(12), np.zeros(12),
        np.zeros(12), np.zeros(6), np.zeros((6, 6)),
    )  # fmt: skip


@lean
def predict_joint(x, P, dt, q_horizontal, q_vertical):
    """Constant velocity with white acceleration for the first six components, the others stay; in place.

    x, P : float64[D], float64[D, D], D = 6 or 12. dt ≥ 0, s. q in m²/s³.
    """
    n = x.shape[0]
    for a in range(3):
        x[a] += dt * x[a + 3]
        for b in range(n):
            P[a, b] += dt * P[a + 3, b]
    for a in range(3):
        for b in range(n):
            P[b, a] += dt * P[b, a + 3]
    for a in range(3):
        q = q_horizontal if a < 2 else q_vertical
        P[a, a] += q * dt * dt * dt / 3.0
        P[a, a + 3] += q * dt * dt / 2.0
        P[a + 3, a] += q * dt * dt / 2.0
        P[a + 3, a + 3] += q * dt


@lean
def observe_with_errors(kind, x, P, beta, dt, origin, C, height, work):
    r"""Row predicted of state ``x`` at a sensor with errors ``beta``; into ``work``: z_pred, H, extra.

    The state is taken dt − b_t later and b_pos away from where it is (p, in ``work``). Part of
    ``condition_joint``, which has the twin.
    """
    z_pred, H, extra, d, u, g, _, _, _, p, P6 = work
    for a in range(6):
        p[a] = x[a]
        for b in range(6):
            P6[a, b] = P[a, b]
    if kind == REPORT:
        observe(kind, p, P6, dt, origin, C, height, z_pred, H, extra, d, u, g)
        return
    p[0] += beta[EAST]
    p[1] += beta[NORTH]
    observe(kind, p, P6, dt - beta[TIME], origin, C, height, z_pred, H, extra, d, u, g)
    if kind == RADAR:
        z_pred[0] += beta[RANGE]
        z_pred[1] += beta[AZIMUTH]
        z_pred[2] += beta[ELEVATION]
    else:
        z_pred[0] += beta[AZIMUTH]
        z_pred[1] += beta[ELEVATION]


@lean
def error_row(kind, k, x, H, out):
    """∂z_k/∂β into ``out`` float64[6]; H of ``observe``, kind RADAR or BEARING.

    ∂z/∂b_t = −H_p v, ∂z/∂b_pos = H_p, ∂z/∂(b_r, b_θ, b_φ) = 1. Part of ``condition_joint``, which has the twin.
    """
    for a in range(N_ERROR):
        out[a] = 0.0
    own = k if kind == RADAR else k + 1
    if own < 3:
        out[own] = 1.0
    out[TIME] = -(H[k, 0] * x[3] + H[k, 1] * x[4] + H[k, 2] * x[5])
    out[EAST], out[NORTH] = H[k, 0], H[k, 1]


@lean
def condition_joint(kind, x, P, z, var, dt, origin, C, height, work):
    r"""Condition state and errors, [p, v, β], on one row, in place; returns d² and components used.

    The joint EKF update with diagonal R, component by component as in ``update.condition``. D = 6 (reports only) or
    12. Pressure altitudes are left out.

    x, P : float64[D], float64[D, D], in place. z, var : float64[6]. work : ``room()``.
    """
    n = x.shape[0]
    z_pred, H, extra, _, _, _, h, Ph, dx, _, P6 = work
    observe_with_errors(kind, x, P, x[6:], dt, origin, C, height, work)
    mind_ground(kind, P6, var, origin, z_pred, H, extra)
    for a in range(n):
        dx[a] = 0.0
    d2, used = 0.0, 0
    for k in range(6):
        if not math.isfinite(z[k]) or (kind == RADAR and k > 3):
            continue
        for a in range(6):
            h[a] = H[k, a]
        if n > 6 and kind != REPORT:
            error_row(kind, k, x, H, h[6:])
        elif n > 6:
            for a in range(6, n):
                h[a] = 0.0
        nu = z[k] - z_pred[k]
        if IS_ANGLE[kind, k]:
            nu = wrap(nu)
        S = var[k] + extra[k]
        for a in range(n):
            s = 0.0
            for b in range(n):
                s += P[a, b] * h[b]
            Ph[a] = s
        for a in range(n):
            S += h[a] * Ph[a]
            nu -= h[a] * dx[a]
        for a in range(n):
            dx[a] += Ph[a] * nu / S
            for b in range(a + 1):
                P[a, b] -= Ph[a] * Ph[b] / S
                P[b, a] = P[a, b]
        d2 += nu * nu / S
        used += 1
    for a in range(n):
        x[a] += dx[a]
    return d2, used


@njit
def begin_reference(x, P, z, var, origin, C, var_velocity):
    """A reference of one report: x float64[6] and P float64[6, 6], outputs. Place as said; each velocity component
    along the report's axes C as said, else 0 with ``var_velocity``. z, var : float64[6].
    """
    for a in range(3):
        x[a], x[a + 3] = origin[a], 0.0
        for c in range(3):
            x[a + 3] += C[c, a] * z[c + 3] if math.isfinite(z[c + 3]) else 0.0
        for b in range(3):
            place, velocity = 0.0, 0.0
            for c in range(3):
                place += C[c, a] * var[c] * C[c, b]
                velocity += C[c, a] * (var[c + 3] if math.isfinite(z[c + 3]) else var_velocity) * C[c, b]
            P[a, b], P[a + 3, b + 3] = place, velocity
            P[a, b + 3], P[a + 3, b] = 0.0, 0.0


@njit
def follow_reports(
    slots, rows, t_row_ns, z, var, origin, C, height, q, var_velocity, gate, t_ns, x, P, n_seen, t_joint_ns, x_joint,
    P_joint, n_report,
):  # fmt: skip
    r"""Reports ``rows`` into the references in ``slots`` (int64[K] both, in order of time), in place.

    A reference is a constant-velocity filter that hears nothing but its own object's reports; beside it run its
    *meetings* with each of S sensors, which also hear that sensor (``condition_pairs``). One that has not spoken for
    ``LONGEST_STEP_S`` or speaks from elsewhere (d² > gate) begins anew, and its meetings end (t_joint_ns = 0).

    Only calls functions with twins; tested by what it is for in tests/unit/track.

    q : float64[2]. var_velocity : float, of a report without velocity. t_ns, x, P, n_seen : columns [K];
    t_joint_ns, x_joint, P_joint, n_report : columns [S, K].
    """
    work = room()
    x_old, P_old = np.empty(6), np.empty((6, 6))
    for e in range(rows.shape[0]):
        j, k = rows[e], slots[e]
        if not math.isfinite(z[j, 0]) or not math.isfinite(z[j, 2]):
            continue
        dt = (t_row_ns[j] - t_ns[k]) * 1e-9
        fresh = t_ns[k] == 0 or dt > LONGEST_STEP_S
        if not fresh and dt < 0.0:
            continue
        if not fresh:
            x_old[:] = x[k]
            P_old[:, :] = P[k]
            predict_joint(x[k], P[k], dt, q[0], q[1])
            d2, _ = condition_joint(REPORT, x[k], P[k], z[j], var[j], 0.0, origin[j], C[j], height[j], work)
            fresh = not d2 <= gate
        if fresh:
            begin_reference(x[k], P[k], z[j], var[j], origin[j], C[j], var_velocity)
            n_seen[k] = 0
        t_ns[k] = t_row_ns[j]
        n_seen[k] += 1
        for s in range(t_joint_ns.shape[0]):
            if fresh:
                t_joint_ns[s, k] = 0
            if t_joint_ns[s, k] == 0:
                continue
            dt = (t_row_ns[j] - t_joint_ns[s, k]) * 1e-9
            if dt > 0.0:
                predict_joint(x_joint[s, k], P_joint[s, k], dt, q[0], q[1])
                t_joint_ns[s, k] = t_row_ns[j]
            condition_joint(
                REPORT, x_joint[s, k], P_joint[s, k], z[j], var[j], min(dt, 0.0), origin[j], C[j], height[j], work
            )
            n_report[s, k] += 1


@njit
def in_view(t_row_ns, t_ns, n_seen, x, least, age_ns, margin_m, steepest, limits, origin, C):
    """Slots int64[A] of references that were heard within ``age_ns`` and lie well within a sensor's ``limits``.

    t_ns, n_seen, x : columns of the references; ``least`` reports are needed. limits : float64[6], range, azimuth and
    elevation from and to; ``margin_m`` off the ends of range, and not above ``steepest`` rad.
    """
    out = np.empty(t_ns.shape[0], np.int64)
    count = 0
    for k in range(t_ns.shape[0]):
        if t_ns[k] == 0 or n_seen[k] < least or abs(t_row_ns - t_ns[k]) > age_ns:
            continue
        e, n, u = 0.0, 0.0, 0.0
        for b in range(3):
            d = x[k, b] - origin[b]
            e += C[0, b] * d
            n += C[1, b] * d
            u += C[2, b] * d
        r = math.sqrt(e * e + n * n + u * u)
        elevation = math.atan2(u, math.sqrt(e * e + n * n))
        azimuth = (math.atan2(e, n) - limits[2]) % (2.0 * math.pi)
        if r <= limits[0] + margin_m or r >= limits[1] - margin_m or azimuth > limits[3] - limits[2]:
            continue
        if elevation < limits[4] or elevation > min(limits[5], steepest):
            continue
        out[count] = k
        count += 1
    return out[:count]


@njit
def compare(
    kind, active, t_row_ns, z, var, origin, C, height, beta, P_beta, q, wide, gate, rate_gate, t_ns, x, P, slot_out,
    row_out, nu_out, var_out, move_out, d2_out,
):  # fmt: skip
    r"""Every row against every reference in ``active`` (int64[A]); returns how many pairs were written.

    Residuals ν = z − h(state, β) of the first three components (NaN where not measured; of a BEARING azimuth and
    elevation stand in places 1 and 2), their variances S = h P hᵀ + h_β P_β h_βᵀ + R, and how each changes with time,
    ∂z/∂t = H_p v. A pair is written where d² = Σ ν²/S ≤ ``gate``, or, with ``wide`` float64[3] > 0, where each |ν| is
    within ``wide``; the range rate has to agree (ν²/S ≤ ``rate_gate``) in both.

    Calls functions with twins; its residuals are tested against that of ``condition_joint``.

    beta, P_beta : float64[6], float64[6, 6]. t_ns, x, P : columns of the references.
    slot_out, row_out : int64[E]; nu_out, var_out, move_out : float64[E, 3]; d2_out : float64[E]; full: it stops.
    """
    work = room()
    h, at, spread = np.zeros(N_ERROR), np.empty(6), np.empty((6, 6))
    z_pred, H, extra = work[0], work[1], work[2]
    first = 0 if kind == RADAR else 1
    count = 0
    is_wide = wide[0] > 0.0
    for a in range(active.shape[0]):
        k = active[a]
        speed, wander = 0.0, 0.0
        for b in range(3):
            speed += x[k, b + 3] ** 2
            wander += P[k, b, b] + 4.0 * P[k, b + 3, b + 3]
        slack = wide[0]
        if not is_wide:
            var_range = wander + P_beta[0, 0] + P_beta[TIME, TIME] * speed + P_beta[EAST, EAST] + P_beta[NORTH, NORTH]
            slack = abs(beta[0]) + abs(beta[EAST]) + abs(beta[NORTH]) + 5.0 * math.sqrt(var_range)
        slack += math.sqrt(speed) * abs(beta[TIME])
        for j in range(z.shape[0]):
            dt = (t_row_ns[j] - t_ns[k]) * 1e-9
            if kind == RADAR:  # most rows are elsewhere
                far2 = 0.0
                for b in range(3):
                    far2 += (x[k, b] + dt * x[k, b + 3] - origin[b]) ** 2
                if abs(z[j, 0] - math.sqrt(far2)) > slack + 5.0 * math.sqrt(var[j, 0]):
                    continue
            at[:] = x[k]
            spread[:, :] = P[k]
            predict_joint(at, spread, max(dt, 0.0), q[0], q[1])
            observe_with_errors(kind, at, spread, beta, min(dt, 0.0), origin, C, height, work)
            mind_ground(kind, spread, var[j], origin, z_pred, H, extra)
            d2, agrees = 0.0, True
            for c in range(4 if kind == RADAR else 2):
                where = c + first
                if c < 3:
                    nu_out[count, where], var_out[count, where], move_out[count, where] = np.nan, np.nan, 0.0
                if not math.isfinite(z[j, c]):
                    continue
                nu = z[j, c] - z_pred[c]
                if IS_ANGLE[kind, c]:
                    nu = wrap(nu)
                error_row(kind, c, at, H, h)
                S = var[j, c] + extra[c]
                for b in range(6):
                    for g in range(6):
                        S += H[c, b] * spread[b, g] * H[c, g] + h[b] * P_beta[b, g] * h[g]
                if c < 3:
                    nu_out[count, where], var_out[count, where], move_out[count, where] = nu, S, -h[TIME]
                    d2 += nu * nu / S
                    agrees = agrees and (not is_wide or abs(nu) <= wide[where])
                else:
                    agrees = agrees and nu * nu <= rate_gate * S
                if not agrees:
                    break
            if not agrees or (not is_wide and not d2 <= gate):
                continue
            if kind == BEARING:
                nu_out[count, 0], var_out[count, 0], move_out[count, 0] = np.nan, np.nan, 0.0
            slot_out[count], row_out[count], d2_out[count] = k, j, d2
            count += 1
            if count == slot_out.shape[0]:
                return count - 1
    return count


@njit
def condition_pairs(
    kind, slots, rows, t_row_ns, z, var, origin, C, height, beta, var_beta, q, t_ns, x, P, t_joint_ns, x_joint, P_joint,
    t_start_ns, n_row, n_report,
):  # fmt: skip
    """Rows ``rows`` into the meetings of references ``slots`` (int64[K] both) with their sensor; begins what lacks.

    A meeting begins with the reference as it is and with errors of mean ``beta`` and variances ``var_beta``
    float64[6], so wide that they teach next to nothing. Only calls functions with twins.
    t_ns, x, P : of the references; t_joint_ns … : columns [K] of this sensor.
    """
    work = room()
    for e in range(rows.shape[0]):
        j, k = rows[e], slots[e]
        if t_joint_ns[k] == 0:
            for a in range(12):
                for b in range(12):
                    P_joint[k, a, b] = P[k, a, b] if a < 6 and b < 6 else 0.0
                x_joint[k, a] = x[k, a] if a < 6 else beta[a - 6]
                if a >= 6:
                    P_joint[k, a, a] = var_beta[a - 6]
            t_joint_ns[k] = t_ns[k]
            t_start_ns[k] = t_row_ns[j]
            n_row[k], n_report[k] = 0, 0
        dt = (t_row_ns[j] - t_joint_ns[k]) * 1e-9
        if dt > 0.0:
            predict_joint(x_joint[k], P_joint[k], dt, q[0], q[1])
            t_joint_ns[k] = t_row_ns[j]
        condition_joint(kind, x_joint[k], P_joint[k], z[j], var[j], min(dt, 0.0), origin, C, height, work)
        n_row[k] += 1


@njit
def vote(slot, look, nu, move, reach, times_s, inside):
    r"""The errors most residuals agree on: returns (votes, index of the time, index of the centre); −1 where none.

    For each time error b_t in ``times_s`` float64[G] and each candidate as centre, its error being ν + ∂z/∂t b_t,
    count the (slot, look) pairs of which a candidate lies within ``reach`` of it in each component. The first best is
    kept, so ``times_s`` should come in order of size. N candidates, in order of slot and look (those alike together).

    nu, move, reach : float64[N, 3], NaN: not measured. inside : bool[N], output: the candidates that voted for it.
    """
    n = slot.shape[0]
    best, best_time, best_centre = 0, -1, -1
    for g in range(times_s.shape[0]):
        for c in range(n):
            votes, last = 0, -1
            for e in range(n):
                if last >= 0 and slot[e] == slot[last] and look[e] == look[last]:
                    continue
                if _near(nu, move, reach, times_s[g], e, c):
                    votes += 1
                    last = e
            if votes > best:
                best, best_time, best_centre = votes, g, c
    for e in range(n):
        inside[e] = best > 0 and _near(nu, move, reach, times_s[best_time], e, best_centre)
    return best, best_time, best_centre


@lean
def _near(nu, move, reach, time_s, e, c):
    for a in range(3):
        far = wrap_if(nu[e, a] + move[e, a] * time_s - nu[c, a] - move[c, a] * time_s, a)
        if abs(far) > reach[e, a]:  # never of NaN: what was not measured does not speak against it
            return False
    return True


@lean
def wrap_if(difference, component):
    """A difference of ranges as it is (component 0), of angles wrapped. Part of ``vote``, which has the twin."""
    return difference if component == 0 else wrap(difference)
