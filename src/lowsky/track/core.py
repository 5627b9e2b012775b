"""What every part of the tracker works on: the table, the sensors, and the settings turned into arrays."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowsky.geo.enu import EnuFrame
from lowsky.kernels.motion import moving_scratch
from lowsky.kernels.observe import RADAR, REPORT
from lowsky.kernels.rows import false_and_new
from lowsky.kernels.sight import room_for
from lowsky.model.events import Event, TrackStarted
from lowsky.model.measurement import Floats, Ints, MeasurementBatch, MeasurementKind
from lowsky.model.site import Site
from lowsky.track.clutter import ClutterMap
from lowsky.track.detection import DetectionMap
from lowsky.track.population import Population
from lowsky.track.rows import RejectCounter, Rows, Station, TrackReject
from lowsky.track.settings import TrackerSettings
from lowsky.track.table import ATTRIBUTE_INDEX, TrackTable
from lowsky.track.together import Together
from lowsky.track.whose import Whose

GATE_OF_DIM = np.array([0.0, 12.12, 15.20, 17.73, 20.00, 22.11, 24.10])
"""χ² quantile 0.9995 by number of components (docs/science 1.5)."""
REPORT_GATE_OF_DIM = np.array([0.0, 19.5, 23.0, 25.9, 28.5, 30.9, 33.1])
"""χ² quantile 0.99999: a report that names its track needs no help from the gate against clutter."""
NO_ROWS = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Associated:
    """Which rows of the last batch fed which tracks: K pairs with their weights, for the stages behind."""

    track_id: Ints  # int64[K]
    row: Ints  # int64[K] row of the batch
    weight: Floats  # float64[K] association probability


NOTHING_ASSOCIATED = Associated(NO_ROWS, NO_ROWS, np.empty(0))


@dataclass(slots=True)
class Core:
    """The tracker's insides. ``events`` and ``pairs`` collect what the step in hand brings."""

    settings: TrackerSettings
    frame: EnuFrame
    stations: dict[str, Station]
    table: TrackTable
    G: Floats  # float64[B, M, M] generator of the mode chain of each behaviour, 1/s
    G_report: Floats  # float64[B, M, M] … of who reports himself, the same for each
    motion: Floats  # float64[M, 9] see kernels/motion
    mu_birth: Floats  # float64[M]
    share_birth: Floats  # float64[M, B]
    var_floor: Floats
    var_ceiling: Floats
    population: Population
    radars: list[Station]
    moving: tuple[Any, ...]  # scratch of motion, which remembers what depends on intervals alone
    life_limits: Floats  # of ``kernels.existence.judge``
    merge_after: int  # checks in a row in which two tracks have to agree
    now_ns: int = 0
    step: int = 0
    next_track_id: int = 1
    rejects: RejectCounter = field(default_factory=Counter)
    events: list[Event] = field(default_factory=list)
    pairs: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)  # table row, batch row, weight
    has_looks: set[str] = field(default_factory=set)  # sensors that ever told their coverage; membership only
    last_batch_ns: dict[str, int] = field(default_factory=dict)
    clutter: dict[str, ClutterMap] = field(default_factory=dict)  # of each radar
    detection: dict[str, DetectionMap] = field(default_factory=dict)  # of each radar that is not alone
    agree: set[str] = field(default_factory=set)  # radars whose tracks other radars see where they do; membership only
    together: Together = field(default_factory=Together)  # close pairs
    whose: Whose = field(default_factory=Whose)  # identities in doubt
    text_version: int = 0  # changes when any text or identity does
    room: tuple[Any, ...] = ()  # for ``weigh_edges``, grown as needed

    @classmethod
    def of(cls, site: Site, settings: TrackerSettings) -> "Core":
        frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
        G, mu_birth, share_birth = mode_chains(settings)
        stations = {s.id: Station(s, k, frame, settings) for k, s in enumerate(site.sensors)}
        lasting = [station for station in stations.values() if station.lasting.any()]
        for k, station in enumerate(lasting):
            station.leaned = k
        maps = {
            name: ClutterMap(station, settings.clutter_memory_s, settings.clutter_memory_looks)
            for name, station in stations.items()
            if station.kind == MeasurementKind.RADAR and settings.clutter_memory_s > 0.0
        }
        radars = [s for s in stations.values() if s.kind == MeasurementKind.RADAR]
        seers = radars if len(radars) > 1 else []
        motion = np.array([m.row() for m in settings.modes])
        return cls(
            detection={s.sensor.id: DetectionMap(s, settings) for s in seers if settings.detection_memory_s > 0.0},
            clutter=maps,
            settings=settings,
            frame=frame,
            stations=stations,
            table=TrackTable(len(settings.modes), len(settings.behaviours), max(len(site.sensors), 1), len(lasting)),
            G=G,
            G_report=np.repeat(generator(settings.report_stay_s)[None], len(settings.behaviours), axis=0),
            motion=motion,
            moving=moving_scratch(G, motion),
            radars=radars,
            mu_birth=mu_birth,
            share_birth=share_birth,
            var_floor=np.array(settings.sigma_floor_state) ** 2,
            var_ceiling=np.array(settings.sigma_ceiling_state) ** 2,
            merge_after=checks_to_merge(list(stations.values()), settings),
            life_limits=life_limits(settings),
            population=Population(list(stations.values()), settings),
        )

    @property
    def not_reporting(self) -> Ints:
        """Indices of sensors that see for themselves."""
        kinds = [station.kind for station in self.stations.values()]
        return np.flatnonzero(np.array(kinds, np.int64) != MeasurementKind.REPORT)

    @property
    def station_of_reports(self) -> Station:
        """A sensor that hears what objects say of themselves; the first, where there are more."""
        return next(s for s in self.stations.values() if s.kind == MeasurementKind.REPORT and not s.delivers_tracks)

    @property
    def r_recycle(self) -> float:
        """Existence below which a candidate is nobody."""
        return min(self.settings.r_recycle, self.settings.recycle_share * self.population.birth_share())

    def room_for(self, n_edge: int) -> tuple[Any, ...]:
        if not self.room or len(self.room[0]) < n_edge:
            self.room = room_for(max(2 * n_edge, 256), len(self.mu_birth))
        return self.room

    def emit(self, kind: type[Event], cause: str, **fields: object) -> None:
        self.events.append(kind(seq=0, t_event_ns=self.now_ns, cause=cause, **fields))

    def reject(self, station: Station, reason: TrackReject, count: int = 1) -> None:
        if count:
            self.rejects[station.sensor.id, reason] += count

    def show(self, row: int, station: Station, cause: str) -> int:
        """Give a row its number, if it has none, and say so."""
        table = self.table
        if table.track_id[row] == 0:
            table.track_id[row] = self.next_track_id
            self.next_track_id += 1
            self.emit(TrackStarted, cause, track_id=int(table.track_id[row]), sensor=station.sensor.id)
        return int(table.track_id[row])

    def note_columns(
        self, batch: MeasurementBatch, station: Station, track_rows: Ints, batch_rows: Ints, weight: Floats
    ) -> None:
        """Carry attributes and texts of rows over to the tracks they fed (K pairs, later rows win)."""
        table = self.table
        self.pairs.append((track_rows, batch_rows, weight))
        for name, values in batch.attributes.items():
            given = np.isfinite(values[batch_rows])
            table.attributes[track_rows[given], ATTRIBUTE_INDEX[name]] = values[batch_rows[given]]
        for name, labels in batch.texts.items():
            if name == "identity":
                continue
            codes = labels.codes[batch_rows]
            for k in np.flatnonzero(codes >= 0).tolist():
                text = labels.names[codes[k]]
                facts = table.facts_of(int(track_rows[k]))
                if name == "class":
                    key = (station.index, text)
                    facts.class_counts[key] = facts.class_counts.get(key, 0) + 1
                if facts.texts.get(name) != text:
                    facts.texts[name] = text
                    self.text_version += 1

    def sure_plots(
        self, station: Station, track: Ints, row: Ints, weight: Floats
    ) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """Of E edges of a radar, rows that surely are plots of tracks that surely are there, these tracks' numbers, and
        whether another radar fed them within ``beside_s``."""
        table, settings = self.table, self.settings
        is_sure = (weight >= settings.plot_sure) & (table.track_id[track] > 0)
        is_sure &= (table.r[track] >= settings.plot_sure) & (table.hits[track] >= settings.plot_hits)
        track = track[is_sure]
        others = [s.index for s in self.radars if s is not station]
        newest = table.t_hit_ns[track][:, others].max(axis=1, initial=0)
        return row[is_sure], table.track_id[track], newest > self.now_ns - int(settings.beside_s * 1e9)

    def associated(self) -> Associated:
        """The step's pairs by track number, before any row is removed; candidates not shown yet are left out."""
        if not self.pairs:
            return NOTHING_ASSOCIATED
        number = self.table.track_id[np.concatenate([p[0] for p in self.pairs])]
        keep = number > 0
        return Associated(
            number[keep],
            np.concatenate([p[1] for p in self.pairs])[keep],
            np.concatenate([p[2] for p in self.pairs])[keep],
        )


def mode_chains(settings: TrackerSettings) -> tuple[Floats, Floats, Floats]:
    """Generators G (1/s) of each behaviour's modes from their mean stays, and what is true of a newborn.

    A newborn's modes are stationary: μ(m) = Σ_b P(b) π_b(m) and
    κ(b|m) = P(b) π_b(m)/μ(m). Returns float64[B, M, M], float64[M], float64[M, B].
    """
    n, behaviours = len(settings.modes), settings.behaviours
    G, joint = np.array([generator(behaviour.stay_s) for behaviour in behaviours]), np.empty((n, len(behaviours)))
    for b, behaviour in enumerate(behaviours):
        system = np.vstack((G[b].T, np.ones(n)))
        stationary = np.maximum(np.linalg.lstsq(system, np.append(np.zeros(n), 1.0), rcond=None)[0], 0.0)
        joint[:, b] = behaviour.prior * stationary / stationary.sum()
    joint /= joint.sum()
    mu_birth = joint.sum(axis=1)
    return G, mu_birth, joint / mu_birth[:, None]


def life_limits(settings: TrackerSettings) -> Floats:
    """What ``kernels.existence.judge`` judges by, in its order."""
    s = settings
    return np.array(
        [
            s.r_confirm, s.hits_confirm, s.r_drop_confirmed, s.r_drop_tentative, s.r_coast, s.coast_intervals,
            s.coast_least_s, s.reports_confirm, s.drop_intervals, s.drop_report_s, s.drop_s, s.max_position_sigma_m,
            s.ray_silence_s, s.blurred_most,
        ]
    )  # fmt: skip


def generator(stay_s: tuple[float, ...]) -> Floats:
    """Of a mode chain, 1/s, float64[M, M]: a mode is left after its mean stay, for any other with equal probability.

    Stay 0: there is no such mode; who is in it leaves within a second.
    """
    n, has = len(stay_s), np.array(stay_s) > 0.0
    G = np.zeros((n, n))
    for k in range(n):
        to = has & (np.arange(n) != k)
        if to.any():
            G[k] = to / to.sum() / (stay_s[k] if has[k] else 1.0)
            G[k, k] = -G[k].sum()
    return G


def checks_to_merge(stations: list[Station], settings: TrackerSettings) -> int:
    """So many that the radar that tells two objects apart soonest would have seen both in one look.

    It sees both with P_D², so n looks without that have the chance (1 − P_D²)ⁿ ≤ ``merge_doubt``.
    """
    waits_s = [
        math.log(settings.merge_doubt) / math.log(1.0 - s.p_detect**2) * s.period_s
        for s in stations
        if s.kind == MeasurementKind.RADAR and s.period_s
    ]
    checks = math.ceil(min(waits_s, default=0.0) / settings.merge_every_s)
    return min(max(checks, settings.merge_after), settings.merge_after_most)


def densities(core: Core, station: Station, rows: Rows, own: Floats | None = None) -> tuple[Floats, Floats]:
    """ρ_j of every row, in 1/(units of its components), and the share of it that is new objects, float64[N] both.

    ``own`` as in ``ClutterMap.density``.
    """
    settings, n = core.settings, len(rows)
    rho, share = np.empty(n), np.empty(n)
    if rows.kind == REPORT:
        clutter = np.array([settings.report_clutter])
        false_and_new(rows.z, rows.var, station.extent, clutter, False, np.zeros(n), station.appear, rho, share)
        share[:] = settings.r_anonymous_report
        return rho, share
    known = core.clutter.get(station.sensor.id)
    clutter = np.array([station.clutter]) if known is None else known.density(rows.z, own)
    if rows.kind == RADAR:
        new = station.p_detect * core.population.undetected(station)[0] * core.population.times(station, rows.z)
    else:
        new = np.full(n, station.p_detect * settings.undetected_objects)
    false_and_new(rows.z, rows.var, station.extent, clutter, known is not None, new, station.appear, rho, share)
    return rho, share
