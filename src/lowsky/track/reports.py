"""Cooperative reports: by identity where it is known, else like any other measurement."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lowsky.kernels.existence import note_reports
from lowsky.kernels.update import MOVED, NOT_A_STATE, TOO_OLD, UNREACHABLE, USED, update_assigned
from lowsky.model.events import TrackIdentified, TrackStarted
from lowsky.model.measurement import Floats, Ints, MeasurementBatch
from lowsky.model.track import IDENTITY_SURE, IdentityState
from lowsky.track.along import common_part, in_their_place
from lowsky.track.associate import NO_COVERAGE, associate, lose
from lowsky.track.births import birth
from lowsky.track.core import REPORT_GATE_OF_DIM, Core
from lowsky.track.rows import Rows, Station, TrackReject


@dataclass(slots=True)
class Identities:
    """Who has which track, who had one, and who claims to be where he cannot be."""

    serial_of: dict[str, int] = field(default_factory=dict)  # identity -> serial of its live track
    # identity -> (track_id, time ns, east, north, up) of its dropped track, oldest first
    gone: OrderedDict[str, tuple[int, int, float, float, float]] = field(default_factory=OrderedDict)
    # identity -> (how many unreachable reports agree, time ns, east, north) of the last of them
    strayed: dict[str, tuple[int, int, float, float]] = field(default_factory=dict)
    # identities that sensors see not to be where they say: no track of theirs is what a sensor sees
    apart: set[str] = field(default_factory=set)

    def forget(self, identity: str, track_id: int, t_ns: int, place: Floats, remembered: int) -> None:
        """Its track was dropped: keep the number for when it returns."""
        self.serial_of.pop(identity, None)
        self.strayed.pop(identity, None)
        self.gone[identity] = (track_id, t_ns, *place.tolist())
        self.gone.move_to_end(identity)
        while len(self.gone) > remembered:
            self.gone.popitem(last=False)

    def returning(self, core: Core, identity: str, t_ns: int, place: Floats) -> int:
        """The number it had, or 0: too long ago, or too far away to be the same."""
        had = self.gone.pop(identity, None)
        if had is None:
            return 0
        settings = core.settings
        age_s = (t_ns - had[1]) * 1e-9
        far = float(np.hypot(place[0] - had[2], place[1] - had[3]))
        reach = settings.max_speed_mps * (max(age_s, 0.0) + settings.reach_time_s) + settings.reach_m
        return had[0] if age_s <= settings.reidentify_s and far <= reach else 0

    def dump(self) -> list[Any]:
        return [list(self.serial_of.items()), list(self.gone.items()), list(self.strayed.items()), sorted(self.apart)]

    def load(self, saved: list[Any]) -> None:
        self.serial_of = dict(saved[0])
        self.gone = OrderedDict((k, tuple(v)) for k, v in saved[1])
        self.strayed = {k: tuple(v) for k, v in saved[2]}
        self.apart = set(saved[3])


def take_reports(
    core: Core, known: Identities, station: Station, rows: Rows, batch: MeasurementBatch, codes: Ints, names: list[str]
) -> None:
    """All reports of a batch: tracks that are named, names without a track, rows without a name. ``codes`` int64[N]
    are indices into ``names``, −1 where a row has none."""
    named = np.flatnonzero(codes >= 0)
    if len(named):
        fresh = _take_named(core, known, station, rows, batch, named, codes, names)
        if len(fresh):
            # the first report of each newcomer finds or makes its track; the rest then know it
            first = fresh[np.sort(np.unique(codes[fresh], return_index=True)[1])]
            _welcome(core, known, station, rows, batch, first, [names[c] for c in codes[first].tolist()])
            rest = np.setdiff1d(fresh, first, assume_unique=True)
            if len(rest):
                _take_named(core, known, station, rows, batch, rest, codes, names)
    nameless = np.flatnonzero(codes < 0)
    if len(nameless):
        _take_anonymous(core, station, rows, batch, nameless)


def _take_named(
    core: Core, known: Identities, station: Station, rows: Rows, batch: MeasurementBatch, named: Ints,
    codes: Ints, names: list[str],
) -> Ints:  # fmt: skip
    """Reports whose identity has a track go to it. Returns the rows that have none but a position."""
    table, settings = core.table, core.settings
    if core.whose.of:
        _ask_again(core, known, rows, named, codes, names)
    row_of_code = np.full(len(names), -1, np.int64)
    for code in np.unique(codes[named]).tolist():
        serial = known.serial_of.get(names[code])
        if serial is not None:
            row_of_code[code] = table.facts[serial].row
    track = row_of_code[codes[named]]
    mine = named[track >= 0]
    track = track[track >= 0]
    fresh = named[row_of_code[codes[named]] < 0]
    has_position = np.isfinite(rows.z[:, 0])
    core.reject(station, TrackReject.VELOCITY_ALONE, int((~has_position[fresh]).sum()))
    fresh = fresh[has_position[fresh]]
    if not len(mine):
        return fresh
    outcome = np.empty(len(mine), np.uint8)
    reach = np.array([settings.max_speed_mps, settings.reach_time_s, settings.reach_m, settings.report_age_s])
    var = _lasting(rows.var, mine, rows.t_ns[mine] - table.t_report_ns[track], settings.velocity_error_s)
    common = common_part(rows.z, settings)[mine]
    since_s = np.maximum((rows.t_ns[mine] - table.t_report_ns[track]) * 1e-9, 0.1)
    theirs = in_their_place(table, track, rows, mine, core.not_reporting, settings.velocity_error_s)
    var[mine, 0] += common * np.where(theirs, -1.0, settings.velocity_error_s / since_s)
    var_velocity = np.array([settings.report_speed_sigma_mps, settings.report_climb_sigma_mps]) ** 2
    update_assigned(
        mine, track, table.t_ns, table.x, table.P, table.mu, table.share, table.xm, table.Pm, rows.z, var,
        rows.weak_height, rows.t_ns, rows.origin, rows.C, rows.height, core.G_report, core.motion, core.mu_birth,
        core.share_birth, REPORT_GATE_OF_DIM, reach,
        var_velocity, core.var_floor, core.var_ceiling, outcome,
    )  # fmt: skip
    note_reports(
        mine, track, outcome, rows.t_ns, has_position, station.index, core.step, settings.r_report, table.r,
        table.t_r_ns, table.reports, table.t_report_ns, table.t_update_ns, table.interval_s, table.hits,
        table.t_hit_ns, table.t_chance_ns, table.look_hit,
    )  # fmt: skip
    used = (outcome == USED) | (outcome == MOVED)
    table.lag_var[track[used]] = np.where(theirs, common, 0.0)[used]
    core.note_columns(batch, station, track[used], rows.source[mine[used]], np.ones(int(used.sum())))
    if not used.all():
        core.reject(station, TrackReject.TOO_OLD, int((outcome == TOO_OLD).sum()))
        lose(core, station, track[outcome == NOT_A_STATE])
        for k in np.flatnonzero(outcome == UNREACHABLE).tolist():
            _stray(core, known, station, rows, batch, int(mine[k]), int(track[k]), names[codes[mine[k]]])
    if known.strayed:
        for code in np.unique(codes[mine[used]]).tolist():
            known.strayed.pop(names[code], None)
    return fresh


def _ask_again(core: Core, known: Identities, rows: Rows, named: Ints, codes: Ints, names: list[str]) -> None:
    """What these reports say of identities in doubt: one that is surely another track's goes there before they do."""
    table, settings = core.table, core.settings
    for row in named[np.isfinite(rows.z[named, 0])].tolist():
        name = names[codes[row]]
        if name not in core.whose.of or name not in known.serial_of:
            continue
        best, p = core.whose.heard(
            table, name, rows.origin[row, :2], rows.var[row, :2], int(rows.t_ns[row]), settings.merge_latency_s
        )
        if p < IDENTITY_SURE or best == known.serial_of[name]:
            continue
        to = int(np.flatnonzero(table.serial[: table.n] == best)[0])
        other = table.facts_of(to).identity
        if other is None or other in core.whose.of:
            _hand_over(core, known, name, to)


def _hand_over(core: Core, known: Identities, name: str, to: int) -> None:
    """Give an identity, with all that was declared, to another row, which gives its own, if it has one."""
    table = core.table
    old, new = table.facts[known.serial_of[name]], table.facts_of(to)
    pair = np.array([old.row, to])
    for column in (
        table.has_identity, table.reports, table.t_report_ns, table.lag_var, table.doubt, table.identity_state,
        table.identity_since_ns, table.apart,
    ):  # fmt: skip
        column[pair] = column[pair[::-1]]
    old.identity, new.identity = new.identity, name
    old.texts, new.texts = new.texts, old.texts
    for facts in (old, new):
        if facts.identity is not None:
            known.serial_of[facts.identity] = int(table.serial[facts.row])
            core.whose.moved(table, facts.identity, int(table.serial[facts.row]))
    core.text_version += 1
    if table.track_id[to] > 0:
        cause = "its reports fit this track, not the one that carried it"
        core.emit(TrackIdentified, cause, track_id=int(table.track_id[to]), identity=name)


def _lasting(var: Floats, mine: Ints, since_ns: Ints, error_s: float) -> Floats:
    """Variances with those of horizontal velocity widened: a sender's velocity error lasts for ``error_s``, so n
    reports within that time tell as much as one. Taken as white it drags the track off its own reports by tens of
    metres (docs/decisions/0041)."""
    out = var.copy()
    dt_s = np.maximum(since_ns * 1e-9, 0.1)
    out[mine, 3:5] *= 1.0 + (error_s / dt_s)[:, None]
    return out


def _stray(
    core: Core, known: Identities, station: Station, rows: Rows, batch: MeasurementBatch, row: int, track: int,
    identity: str,
) -> None:  # fmt: skip
    """A report from where its track cannot be: a fault or a spoof, until several agree on the new place."""
    settings = core.settings
    t_ns, place = int(rows.t_ns[row]), rows.origin[row]
    count, t_before, east, north = known.strayed.get(identity, (0, t_ns, 0.0, 0.0))
    far = float(np.hypot(place[0] - east, place[1] - north))
    reach = settings.max_speed_mps * (abs(t_ns - t_before) * 1e-9 + settings.reach_time_s) + settings.reach_m
    count = count + 1 if count and far <= reach else 1
    if count < settings.move_after:
        known.strayed[identity] = (count, t_ns, float(place[0]), float(place[1]))
        core.reject(station, TrackReject.UNREACHABLE)
        return
    known.strayed.pop(identity)
    _replace(core, station, rows, row, track)
    core.note_columns(batch, station, np.array([track]), rows.source[[row]], np.ones(1))


def _replace(core: Core, station: Station, rows: Rows, row: int, track: int) -> None:
    """Put a track's state where a report is, by way of a newborn whose state it takes."""
    table = core.table
    at = int(birth(core, station, rows, np.array([row]), np.array([core.settings.r_report]))[0])
    for name in ("t_ns", "x", "P", "mu", "share", "xm", "Pm", "r", "t_r_ns", "t_update_ns", "t_hit_ns", "t_chance_ns"):
        column = getattr(table, name)
        column[track] = column[at]
    table.t_report_ns[track] = rows.t_ns[row]
    table.n -= 1  # the newborn was the last row


def _welcome(
    core: Core, known: Identities, station: Station, rows: Rows, batch: MeasurementBatch, first: Ints,
    names: list[str],
) -> None:  # fmt: skip
    """Identities nobody has: each takes over the nameless track it belongs to, or starts one."""
    table, settings = core.table, core.settings
    mine = rows.take(first)
    outcome = associate(core, station, mine, NO_COVERAGE, core.now_ns, np.ones(len(first), np.bool_))
    best = np.full(len(first), -1, np.int64)
    best_p = outcome.p_new.copy()
    for e in range(len(outcome.track)):
        j = outcome.row[e]
        if outcome.p_edge[e] > best_p[j]:
            best[j], best_p[j] = outcome.track[e], outcome.p_edge[e]
    adopted: set[int] = set()
    for j in range(len(first)):
        if best[j] in adopted or names[j] in known.apart:
            best[j] = -1  # two names for one track: the second gets its own
        elif best[j] >= 0:
            adopted.add(int(best[j]))
    newborn = np.flatnonzero(best < 0)
    if len(newborn):
        best[newborn] = birth(core, station, mine, newborn, np.full(len(newborn), settings.r_report))
    for j, name in enumerate(names):
        row = int(best[j])
        facts = table.facts_of(row)
        facts.identity = name
        known.serial_of[name] = int(table.serial[row])
        table.has_identity[row] = True
        table.reports[row] = 1
        table.identity_state[row], table.identity_since_ns[row] = IdentityState.UNCONFIRMED, mine.t_ns[j]
        table.t_report_ns[row] = mine.t_ns[j]
        table.r[row] = max(table.r[row], settings.r_report)
        core.text_version += 1
        had = known.returning(core, name, int(mine.t_ns[j]), mine.origin[j])
        _number(core, station, row, name, had)
    core.note_columns(batch, station, best, mine.source, np.ones(len(first)))


def _number(core: Core, station: Station, row: int, name: str, had: int) -> None:
    """Number a track that was just named, with its old one where the identity returns."""
    table = core.table
    if table.track_id[row] == 0 and had:
        table.track_id[row] = had
        core.emit(TrackStarted, "its identity returned", track_id=had, sensor=station.sensor.id)
    track_id = core.show(row, station, "first report of its identity")
    core.emit(TrackIdentified, "it reports this identity", track_id=track_id, identity=name)


def _take_anonymous(core: Core, station: Station, rows: Rows, batch: MeasurementBatch, nameless: Ints) -> None:
    """Positions without a name, in buckets of time: within one, no object reports twice."""
    settings = core.settings
    has_position = np.isfinite(rows.z[nameless, 0])
    core.reject(station, TrackReject.VELOCITY_ALONE, int((~has_position).sum()))
    nameless = nameless[has_position]
    if not len(nameless):
        return
    t_ns = rows.t_ns[nameless]
    # at most 256 buckets, however long the batch: it costs a step each
    width_ns = max(int(settings.report_bucket_s * 1e9), int(t_ns[-1] - t_ns[0]) // 256 + 1)
    bucket = (t_ns - t_ns[0]) // width_ns
    for some in np.split(nameless, np.flatnonzero(np.diff(bucket)) + 1):
        mine = rows.take(some)
        outcome = associate(core, station, mine, NO_COVERAGE, int(mine.t_ns[-1]), np.zeros(len(some), np.bool_))
        hit = outcome.p_edge >= settings.hit_weight
        core.note_columns(batch, station, outcome.track[hit], mine.source[outcome.row[hit]], outcome.p_edge[hit])
        r_new = outcome.p_new * outcome.birth_share
        newborn = np.flatnonzero(r_new >= settings.r_drop_tentative)
        if len(newborn):
            birth(core, station, mine, newborn, r_new[newborn])
