"""Statuses from existence and silence: shown, confirmed, coasting, dropped; misses of sensors that stream."""

import numpy as np
from numpy.typing import NDArray

from lowsky.kernels.existence import COASTING, DROPPED, TENTATIVE, judge, overdue_misses
from lowsky.model.events import TrackCoasting, TrackConfirmed, TrackDropped
from lowsky.model.measurement import Ints, MeasurementKind
from lowsky.track.associate import shielded
from lowsky.track.core import NO_ROWS, Core
from lowsky.track.dense import in_crowd

SILENT_PERIODS = 3.0
"""A radar silent for longer than this many of its periods says nothing about anybody."""


def miss_overdue(core: Core) -> None:
    """Virtual misses of the radars that never tell their coverage, once per revisit that passed."""
    table = core.table
    n = table.n
    for name, station in core.stations.items():
        period_s, last = station.period_s, core.last_batch_ns.get(name)
        if station.kind != MeasurementKind.RADAR or name in core.has_looks or last is None or not period_s:
            continue
        if core.now_ns - last > SILENT_PERIODS * period_s * 1e9:
            # what it may have missed while silent is not held against anybody later
            np.maximum(table.t_chance_ns[:n, station.index], last, out=table.t_chance_ns[:n, station.index])
            continue
        overdue_misses(
            core.now_ns, int(period_s * 1e9), station.p_detect, station.origin[0], station.C[0], station.limits,
            table.t_ns[:n], table.xm[:n], table.Pm[:n], table.r[:n], shielded(core),
            table.t_chance_ns[:n, station.index],
        )  # fmt: skip


def judge_tracks(core: Core, merged: list[int]) -> Ints:
    """Move every track to the status it should have and emit what changed.

    Returns the rows of shown tracks that end: dropped ones and those in ``merged``, of which nothing more is said.
    """
    table, n = core.table, core.table.n
    if not n:
        return NO_ROWS
    verdict, changed = np.empty(n, np.uint8), np.empty(n, np.int64)
    n_changed = judge(
        n, core.now_ns, table.track_id, table.r, table.hits, table.status, table.t_update_ns, table.t_report_ns,
        table.interval_s, table.reports, table.emits, table.blurred, table.Pm, core.life_limits, verdict, changed,
    )  # fmt: skip
    if not n_changed:
        return np.array(sorted(merged), np.int64) if merged else NO_ROWS
    verdict[merged] = table.status[merged]
    changed = changed[:n_changed]
    _wait_in_crowds(core, verdict, changed)
    changed = changed[verdict[changed] != table.status[changed]]
    shown = changed[table.track_id[changed] > 0]
    ended = list(merged)
    # in order of track number, so that the order of rows never shows
    for row in shown[np.argsort(table.track_id[shown])].tolist():
        _tell(core, row, int(verdict[row]))
        if verdict[row] == DROPPED:
            ended.append(row)
    table.status[changed] = verdict[changed]
    return np.array(sorted(ended), np.int64)


def _wait_in_crowds(core: Core, verdict: NDArray[np.uint8], changed: Ints) -> None:
    """Who could still be taken for a neighbour is not confirmed yet: so far it might carry the neighbour's number."""
    table, settings = core.table, core.settings
    fresh = changed[(table.status[changed] == TENTATIVE) & (verdict[changed] != DROPPED)]
    fresh = fresh[(table.track_id[fresh] > 0) & (table.t_report_ns[fresh] == 0)]
    fresh = fresh[table.hits[fresh] < settings.hits_crowd]
    if len(fresh):
        verdict[fresh[in_crowd(core, fresh)]] = TENTATIVE


def _tell(core: Core, row: int, verdict: int) -> None:
    table = core.table
    track_id, r = int(table.track_id[row]), float(table.r[row])
    if verdict == DROPPED:
        if r < core.settings.r_drop_confirmed and table.status[row] != TENTATIVE:
            core.population.note_end()
        core.emit(TrackDropped, _cause_of_end(core, row), track_id=track_id, existence=r)
    elif verdict == COASTING:
        core.emit(TrackCoasting, "expected measurements did not come", track_id=track_id)
    else:
        again = table.status[row] == COASTING
        cause = "measured again" if again else "enough measurements agree"
        core.emit(TrackConfirmed, cause, track_id=track_id, existence=r)


def _cause_of_end(core: Core, row: int) -> str:
    table, settings = core.table, core.settings
    if table.r[row] < settings.r_drop_confirmed:
        return "sensors that should see it do not"
    if table.blurred[row] >= core.settings.blurred_most:
        return "its plots cannot be told from false ones"
    patience_s = settings.ray_silence_s if table.emits[row] > 0.0 else settings.drop_s
    if (core.now_ns - table.t_update_ns[row]) * 1e-9 > patience_s * 0.999:
        return "no measurement for too long"
    return "its position is no longer known"
