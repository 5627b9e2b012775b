"""The Single Integrated Air Picture's attributes, and the form of EUROCONTROL's surveillance specification.

SIAP asks of each track which target it is of, many to one: the nearest within the cut-off. So a second track of one
object is ambiguity here, where GOSPA calls it false. After Votruba et al., "Single Integrated Air Picture (SIAP)
Metrics", SIAP SE TF Technical Report 2001-001; the form after EUROCONTROL-SPEC-0147 (ESASSP), its scale not adopted.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from lowsky.evaluate.pairs import Together
from lowsky.model.measurement import Floats, Ints

LONG_GAP = 3.3  # intervals: more than three and a tenth (ESASSP)
UPDATES = 450  # intervals to which false reports are counted (ESASSP)


def nearest(near: Together) -> Ints:
    """Meetings in which the track is the target's: of each track and second the nearest target, if within the
    cut-off. int64[A] indices into ``near.second``, in order of second and track."""
    rows = np.flatnonzero(near.distance_m < near.cutoff_m)
    order = rows[np.lexsort((near.distance_m[rows], near.track_entry[rows]))]
    entry = near.track_entry[order]
    return np.sort(order[np.append(True, entry[1:] != entry[:-1])]) if len(order) else order


def siap(near: Together, velocity_error_mps: Floats) -> dict[str, Any]:
    """Means over the run. ``velocity_error_mps`` float64[Q]: of each meeting, NaN where the track has none."""
    assigned = nearest(near)
    n_truth, n_track = int(near.truth_first[-1]), int(near.tracks_first[-1])
    tracked = len(np.unique(near.target_entry[assigned]))
    numbers, changes, longest = 0, 0, 0
    for rows in _by_target(near, assigned):
        spans = cover(near.second[rows], near.track[near.pair[rows]])
        numbers += len({track for track, _, _ in spans})
        changes += sum(a[0] != b[0] for a, b in pairwise(spans))
        longest += max(end - begin + 1 for _, begin, end in spans)
    speeds = velocity_error_mps[assigned]
    speeds = speeds[np.isfinite(speeds)]
    return {
        "completeness": _share(tracked, n_truth),
        "ambiguity": _share(len(assigned), tracked),
        "spuriousness": _share(n_track - len(assigned), n_track),
        "position_accuracy_m": float(near.distance_m[assigned].mean()) if len(assigned) else None,
        "velocity_accuracy_mps": float(speeds.mean()) if len(speeds) else None,
        "track_number_changes_per_hour": _share(3600.0 * changes, tracked),
        "longest_segment": _share(longest, n_truth),
        "tracks_per_target": _share(numbers, len(near.target_ids)),
    }


def cover(second: Ints, track: Ints) -> list[tuple[int, int, int]]:
    """The fewest tracks that follow one target: (track, first second, last second), in order, without overlap.

    ``second``, ``track`` int64[A] say when which track was its. From each second on that one is taken which goes on
    longest without a break; the lower number where two do alike.
    """
    times: dict[int, set[int]] = {}
    for s, j in zip(second.tolist(), track.tolist()):
        times.setdefault(s, set()).add(j)
    until: dict[tuple[int, int], int] = {}
    for s in sorted(times, reverse=True):
        for j in times[s]:
            until[s, j] = until.get((s + 1, j), s)
    spans: list[tuple[int, int, int]] = []
    done = -1
    for s in sorted(times):
        if s > done:
            end, number = max((until[s, j], -j) for j in times[s])
            spans.append((-number, s, end))
            done = end
    return spans


def surveillance(near: Together, pair_second: Ints, pair_target: Ints, error_horizontal_m: Floats) -> dict[str, Any]:
    """The figures of a surveillance specification, with one second as the update interval.

    ``pair_*`` are the assigned pairs of the run: second int64[K], entry of the truth's picture int64[K], and the
    horizontal distance float64[K].
    """
    n_truth, n = int(near.truth_first[-1]), near.seconds
    held = np.zeros(n_truth, np.bool_)
    held[pair_target] = True
    second = np.repeat(np.arange(n), np.diff(near.truth_first))
    order = np.lexsort((second, near.truth_at))
    lengths = _runs_without(held[order], near.truth_at[order])
    long_ = lengths[lengths + 1 > LONG_GAP]
    false = int(near.tracks_first[-1]) - len(pair_target)
    return {
        "probability_of_update": _share(len(pair_target), n_truth),
        "horizontal_rms_m": float(np.sqrt((error_horizontal_m**2).mean())) if len(error_horizontal_m) else None,
        "horizontal_p95_m": float(np.percentile(error_horizontal_m, 95.0)) if len(error_horizontal_m) else None,
        "long_gap_share": _share(int(long_.sum()), n_truth),
        "long_gaps": len(long_),
        "false_reports_per_450_updates": false / n * UPDATES,
    }


def _runs_without(held: np.ndarray, target: Ints) -> Ints:
    """Lengths of the gaps between two seconds in which a target is held, int64[gaps]; none before the first or
    after the last."""
    lengths = []
    for rows in np.split(np.arange(len(held)), np.flatnonzero(np.diff(target)) + 1):
        at = np.flatnonzero(held[rows])
        gaps = np.diff(at) - 1
        lengths.append(gaps[gaps > 0])
    return np.concatenate([np.empty(0, np.int64), *lengths])


def _by_target(near: Together, assigned: Ints) -> list[Ints]:
    target = near.target[near.pair[assigned]]
    order = np.argsort(target, kind="stable")
    if not len(order):
        return []
    return [assigned[part] for part in np.split(order, np.flatnonzero(np.diff(target[order])) + 1)]


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None
