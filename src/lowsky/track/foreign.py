"""Sensors that deliver tracks: what each report says that the reports before it did not.

Their rows are another tracker's opinion. Two reports of one of its tracks share nearly all of what it ever measured, so
that as independent measurements they would count many times. With a velocity, a report becomes the *tracklet* between
it and the one before: the plot that made the difference. Without, it is used every so often, once two of the filter's
time constants have passed. By how much a sensor's own variances are off is learnt from what others see, too.

A foreign number says which track a report is of, most likely: it weighs in the association and is no link. Nor is it an
identity: that is what an object says of itself.
"""

from collections import OrderedDict
from dataclasses import astuple, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowsky.kernels.foreign import tracklets
from lowsky.model.measurement import Floats, Ints, MeasurementBatch
from lowsky.track.associate import NO_COVERAGE, SURE, Outcome, associate
from lowsky.track.births import birth
from lowsky.track.core import Core
from lowsky.track.rows import Rows, Station, TrackReject

Mask = NDArray[np.bool_]


@dataclass(slots=True)
class Heard:
    """The newest report of one foreign track that was used."""

    t_ns: int
    state: tuple[float, ...]  # position m, velocity m/s, in the site's frame
    var: tuple[float, ...]  # along the axes of its level frame; NaN where nothing is stated
    serial: int  # of the track it last went to; 0: none


@dataclass(slots=True)
class Foreign:
    """Every foreign track heard of late, oldest report first, and by how much each sensor's variances are off."""

    heard: OrderedDict[tuple[int, str], Heard] = field(default_factory=OrderedDict)
    scale: dict[int, float] = field(default_factory=dict)  # sensor index -> factor on its variances

    def dump(self) -> list[Any]:
        return [[[*key, *astuple(h)] for key, h in self.heard.items()], list(self.scale.items())]

    def load(self, saved: list[Any]) -> None:
        self.heard = OrderedDict(
            ((index, name), Heard(t_ns, tuple(state), tuple(var), serial))
            for index, name, t_ns, state, var, serial in saved[0]
        )
        self.scale = dict(saved[1])


def take_tracks(core: Core, foreign: Foreign, station: Station, rows: Rows, batch: MeasurementBatch) -> None:
    """All reports of a batch. Each foreign number once in a round, so that one is judged by the one before it.

    Rounds are bounded: of a number with more reports the newest count, which have in them what the others had.
    """
    names = _numbers(rows, batch)
    usable = np.array([name is not None for name in names]) & np.isfinite(rows.z[:, 0])
    core.reject(station, TrackReject.NO_TRACK_NUMBER, int((~usable).sum()))
    turns: dict[str, int] = {}
    rounds: list[list[int]] = []  # newest first
    for j in np.flatnonzero(usable)[::-1].tolist():
        turn = turns[names[j]] = turns.get(names[j], -1) + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(j)
    most = core.settings.track_rounds_most
    core.reject(station, TrackReject.THINNED, sum(len(some) for some in rounds[most:]))
    for some in reversed(rounds[:most]):
        some.reverse()
        _take_round(core, foreign, station, rows.take(np.array(some)), batch, [names[j] for j in some])
    _forget(core, foreign)


def _numbers(rows: Rows, batch: MeasurementBatch) -> list[Any]:
    """What the sensor calls each track: its number, else what stands as identity. None: it does not say."""
    number = batch.attributes.get("track_number")
    labels = batch.texts.get("identity")
    out: list[Any] = []
    for source in rows.source.tolist():
        if number is not None and np.isfinite(number[source]):
            out.append(f"{number[source]:.0f}")
        else:
            out.append(labels.text(source) if labels is not None else None)
    return out


def _take_round(
    core: Core, foreign: Foreign, station: Station, rows: Rows, batch: MeasurementBatch, names: list[str]
) -> None:
    """Reports of tracks that are all different."""
    last = [foreign.heard.get((station.index, name)) for name in names]
    newer = np.array([h is None or t > h.t_ns for h, t in zip(last, rows.t_ns.tolist(), strict=True)])
    core.reject(station, TrackReject.COPY, int((~newer).sum()))
    kept = np.flatnonzero(newer)
    if not len(kept):
        return
    rows, names, last = rows.take(kept), [names[k] for k in kept], [last[k] for k in kept]
    went, stated = _rows_of(core, last), _is_stated(station, rows, batch)
    lasts_s = station.sensor.error_lasts_s or core.settings.track_error_lasts_s
    var = np.where(np.isfinite(rows.z), rows.var, np.nan)
    # the steady state of a filter with this time constant, where it tells no σ of its velocities
    var[:, 3:] = np.where(stated[:, 3:] | np.isnan(var[:, 3:]), var[:, 3:], 2.0 * rows.var[:, :3] / lasts_s**2)
    fresh, is_used = _new_in(core, rows, var, last, went, lasts_s)
    fresh.var[:] *= foreign.scale.get(station.index, 1.0)
    used = np.flatnonzero(is_used)
    serial = np.array([0 if h is None else h.serial for h in last])
    if len(used):
        mine = fresh.take(used)
        nobody = np.zeros(len(used), np.bool_)
        outcome = associate(core, station, mine, NO_COVERAGE, int(mine.t_ns.max()), nobody, favoured=went[used])
        _learn(core, foreign, station, outcome, bool(stated[used, :2].all()))
        serial[used] = _settle(core, station, rows.take(used), batch, outcome, serial[used])
    velocity = np.einsum("kba,kb->ka", rows.C, np.nan_to_num(rows.z[:, 3:]))  # level where it tells no climb
    state = np.concatenate((rows.origin[:, :3], velocity), axis=1)
    for k in used.tolist():  # what was not used, the next one is not compared with
        key = station.index, names[k]
        newest = Heard(int(rows.t_ns[k]), tuple(state[k].tolist()), tuple(var[k].tolist()), int(serial[k]))
        foreign.heard[key] = newest
        foreign.heard.move_to_end(key)


def _is_stated(station: Station, rows: Rows, batch: MeasurementBatch) -> Mask:
    """bool[K, 6]: the row or the site file says the standard deviation."""
    sensor = station.sensor
    own = [*[sensor.sigma_position_m] * 2, sensor.sigma_height_m, *[sensor.sigma_velocity_mps] * 3]
    return np.asarray((batch.sigma[rows.source] > 0.0) | np.array([sigma is not None for sigma in own]))


def _rows_of(core: Core, last: list[Heard | None]) -> Ints:
    """Row of the table of the track each number last went to; −1 where there is none any more."""
    table = core.table
    serials = table.serial[: table.n]
    order = np.argsort(serials)
    wanted = np.array([-1 if h is None else h.serial for h in last])
    at = np.minimum(np.searchsorted(serials, wanted, sorter=order), max(table.n - 1, 0))
    if not table.n:
        return np.full(len(last), -1)
    return np.where(serials[order[at]] == wanted, order[at], -1)


def _new_in(
    core: Core, rows: Rows, var: Floats, last: list[Heard | None], went: Ints, lasts_s: float
) -> tuple[Rows, Mask]:
    """The rows as measurements of their own, and which of them say anything. ``var`` float64[K, 6]: NaN without z."""
    settings = core.settings
    fresh = rows.take(np.arange(len(rows)))  # a copy
    is_used = np.ones(len(rows), np.bool_)
    before = np.array([h.var if h is not None else [np.nan] * 6 for h in last])
    moves = np.isfinite(before[:, 3:5]).all(axis=1) & np.isfinite(var[:, 3:5]).all(axis=1)
    pairs = np.flatnonzero(moves)
    if len(pairs):
        is_used[pairs] = _tracklets(core, fresh, var, [last[k] for k in pairs.tolist()], pairs, lasts_s)
    for k in np.flatnonzero(~moves & (went >= 0)).tolist():
        heard = last[k]
        is_used[k] = heard is None or (rows.t_ns[k] - heard.t_ns) * 1e-9 >= settings.track_waits * lasts_s
        fresh.z[k, 3:] = np.nan
    return fresh, is_used


def _tracklets(core: Core, fresh: Rows, var: Floats, last: list[Heard | None], pairs: Ints, lasts_s: float) -> Mask:
    """Rows ``pairs`` of ``fresh`` become the plots that would have made them. False where nothing is new."""
    settings = core.settings
    before = [h for h in last if h is not None]
    dt_s = (fresh.t_ns[pairs] - np.array([h.t_ns for h in before])) * 1e-9
    R, z, moved = var[pairs], np.empty((len(pairs), 6)), np.empty(len(pairs), np.bool_)
    climbs = np.isfinite(R[:, 5]) & np.isfinite(np.array([h.var[5] for h in before]))
    tracklets(
        np.array([h.state for h in before]), np.array([h.var for h in before]), dt_s, R, fresh.origin[pairs],
        fresh.C[pairs], settings.tracklet_inflation, settings.tracklet_least, settings.tracklet_jump, z, moved,
    )  # fmt: skip
    # a height without a rate of climb cannot be told apart so: n of them within the time constant count as one
    alone = ~climbs & np.isfinite(fresh.z[pairs, 2])
    z[alone, 2] = 0.0
    R[alone, 2] = fresh.var[pairs[alone], 2] * np.maximum(lasts_s / dt_s[alone], 1.0)
    # a number that jumped is another object's, and nothing of the report is old
    same = pairs[~moved]
    fresh.z[same] = z[~moved]
    fresh.var[same] = np.where(np.isfinite(z), R, 1.0)[~moved]
    return np.asarray(moved | np.isfinite(z[:, :2]).all(axis=1))


def _settle(core: Core, station: Station, rows: Rows, batch: MeasurementBatch, outcome: Outcome, serial: Ints) -> Ints:
    """Births of what is nobody's, and the serial that each row went to (``serial`` where to none).

    A newborn takes the whole report: nothing of it is in any track yet.
    """
    table, settings = core.table, core.settings
    hit = np.flatnonzero(outcome.p_edge >= settings.hit_weight)
    core.note_columns(batch, station, outcome.track[hit], rows.source[outcome.row[hit]], outcome.p_edge[hit])
    serial = serial.copy()
    serial[outcome.row[hit]] = table.serial[outcome.track[hit]]
    r_new = outcome.p_new * outcome.birth_share
    newborn = np.flatnonzero(r_new >= settings.r_drop_tentative)
    if len(newborn):
        at = birth(core, station, rows, newborn, r_new[newborn])
        core.note_columns(batch, station, at, rows.source[newborn], np.ones(len(newborn)))
        own = outcome.p_new[newborn] >= settings.hit_weight
        serial[newborn[own]] = table.serial[at[own]]
    return serial


def _learn(core: Core, foreign: Foreign, station: Station, outcome: Outcome, is_stated: bool) -> None:
    """By how much its variances are off: rows that surely are of tracks that others see, too, scatter by d²."""
    if not len(outcome.d2):
        return
    settings = core.settings
    hits = core.table.t_hit_ns[outcome.track[outcome.p_edge >= SURE]].copy()
    hits[:, station.index] = 0
    others = core.now_ns - hits.max(axis=1) < int(settings.foreign_beside_s * 1e9)
    if not others.any():
        return
    each = np.minimum(outcome.d2[others] / np.maximum(outcome.components[others], 1), settings.foreign_most_d2)
    # each look moves it a little: by the mean of what its rows say, and by more with more rows
    gain = settings.foreign_learns * min(len(each), 10)
    low, high = settings.foreign_scale
    scale = foreign.scale.get(station.index, 1.0) * float(np.exp(gain * (each.mean() - 1.0)))
    foreign.scale[station.index] = min(max(scale, 1.0 if is_stated else low), high)


def _forget(core: Core, foreign: Foreign) -> None:
    """Numbers not heard for long: a sensor uses them again for others."""
    before_ns = core.now_ns - int(core.settings.foreign_forget_s * 1e9)
    for key in [key for key, heard in foreign.heard.items() if heard.t_ns < before_ns]:
        del foreign.heard[key]
    while len(foreign.heard) > core.settings.foreign_most:
        foreign.heard.popitem(last=False)
