"""Twin of lowsky.kernels.existence: Bayes on paper."""

import numpy as np
from scipy.stats import norm


def inside(x, P, dt, origin, C, limits):
    d = x[:3] + dt * x[3:] - origin
    r = max(np.linalg.norm(d), 1.0)
    radius = np.sqrt(np.trace(P[:3, :3]) / 3)
    e, n, up = C @ d
    rho = max(np.hypot(e, n), 1.0)
    elevation = np.arctan2(up, rho) + r / (8 * 6_371_008.8)

    def between(value, sigma, low, high):
        return norm.cdf((high - value) / sigma) - norm.cdf((low - value) / sigma)

    p = between(r, radius, limits[0], limits[1]) * between(elevation, radius / r, limits[4], limits[5])
    width = limits[3] - limits[2]
    if width < 2 * np.pi - 1e-6:
        off = (np.arctan2(e, n) - (limits[2] + limits[3]) / 2 + np.pi) % (2 * np.pi) - np.pi
        p *= between(off, radius / rho, -width / 2, width / 2)
    return p


def update_existence(r, p_missed, p_i0, p_hit):
    """Existence: it is there and was seen, or it is there and was not."""
    not_there = 1 - r
    there_unseen = r * p_missed
    return p_hit + p_i0 * there_unseen / (not_there + there_unseen)


def look_odds(r, dt, survival_rate, p_detect, p_inside, is_shielded, has_coverage):
    """(r, p_seen, p_missed) of one track before a look."""
    r = r if is_shielded else r * np.exp(-survival_rate * max(dt, 0.0))
    p_seen = p_detect * p_inside if has_coverage else p_detect
    return r, p_seen, 1.0 if is_shielded or not has_coverage else 1.0 - p_seen


def detection_weights(r, p_seen, p_missed, log_likelihood, floor):
    return r * max(p_seen, floor) * np.exp(log_likelihood) / (1 - r + r * p_missed)


def overdue_misses(r, late_s, revisit_s, p_seen):
    """(r, seconds accounted for): one Bayes step for each whole revisit, the first due half a revisit late."""
    accounted = 0.0
    while late_s - accounted >= 1.5 * revisit_s - 1e-12:
        accounted += revisit_s
        r = r * (1 - p_seen) / (1 - r * p_seen)
    return r, accounted


def judge(track, now_s, limits):
    """Status of one track (a dict of its columns, times in s), rule by rule."""
    silence, status = now_s - track["t_update"], track["status"]
    reporting = track["t_report"] > 0 and now_s - track["t_report"] <= max(limits[9], limits[8] * track["interval"])
    if track["t_report"] == 0 and (track["blurred"] >= limits[13] or (track["emits"] and silence > limits[12])):
        return 4
    if not reporting:
        if status == 1 and track["r"] >= limits[0] and track["hits"] >= limits[1]:
            status = 2
        patience = max(limits[10], limits[8] * track["interval"]) if track["t_report"] > 0 else limits[10]
        too_weak = track["r"] < (limits[2] if status > 1 else limits[3] if track["number"] else 0.0)
        if silence > patience or track["sigma"] > limits[11] or too_weak:
            return 4
    elif status == 1 and track["reports"] >= limits[7]:
        status = 2
    if status == 1:
        return 1
    quiet = silence > max(limits[6], limits[5] * track["interval"])
    return 3 if quiet or (track["r"] < limits[4] and not reporting) else 2


def note_hits(times_s):
    """Learnt interval after updates at these times: the first gap, then a fifth of the way to each new one."""
    interval = None
    for gap in np.diff(times_s):
        if gap > 0.02:
            interval = gap if interval is None else 0.8 * interval + 0.2 * gap
    return interval


def weak_rows(track_id, r, status, ended, least):
    """Rows that end, and candidates that are too weak or dropped."""
    weak = (track_id == 0) & ((r < least) | (status == 4))
    weak[ended] = True
    return np.flatnonzero(weak)


def note_blur(track, row, p_edge, p_hit, p_new, least, r, blurred):
    """Looks in a row that fed each track with plots that are nobody's, one more look on."""
    own = np.bincount(track, p_edge * (1.0 - p_new)[row], len(p_hit))
    out = blurred + ((p_hit > 0.0) & (p_hit >= least * r) & (own < 0.5 * p_hit))
    out[track[p_edge >= least]] = 0
    return out


def found_so_far(tracks, now_ns, fade_per_ns, least, sensor, shape):
    """(there from the start, come since, followed, come since by azimuth and range): sums over tracks (dicts of their
    columns)."""
    known = [t for t in tracks if t["r"] >= least and not t["has_identity"]]
    mine = [t for t in known if t["t_hit_ns"][sensor] > 0]
    start = sum(t["r"] * t["start_share"] for t in mine)
    ages = [max(now_ns - t["t_born_ns"], 0) for t in mine]
    came = [t["r"] * (1 - t["start_share"]) * np.exp(-fade_per_ns * a) for t, a in zip(mine, ages, strict=True)]
    by_cell = np.zeros(shape)
    for t, number in zip(mine, came, strict=True):
        if t["born_by"] == sensor + 1:
            by_cell[np.unravel_index(t["born_cell"], shape)] += number
    return start, sum(came), sum(t["r"] for t in known if t["hits"] > 1), by_cell


def reconsider(r, start_share, times_start, times_since):
    """(r, start share) by Bayes' rule on three cases: there from the start, come since, not there."""
    cases = np.array([r * start_share * times_start, r * (1 - start_share) * times_since, 1 - r])
    cases /= cases.sum()
    return min(cases[0] + cases[1], 1 - 1e-4), cases[0] / (cases[0] + cases[1])
