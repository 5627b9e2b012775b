"""The tracker: measurements in, tracks out. Deterministic: no clock, no I/O.

batch ─▶ rows ─▶ associate ─▶ births, wedges ─▶ duplicates ─▶ lifecycle ─▶ picture
         sane,    predict,      what is           two tracks     statuses     snapshot
         sorted   gate, BP,     nobody's          of one         and events
                  update                          object
"""

from collections.abc import Sequence
from copy import deepcopy

import msgspec
import numpy as np

from lowsky.kernels.existence import likely, weak_rows
from lowsky.model.events import Event
from lowsky.model.measurement import Ints, MeasurementBatch, MeasurementKind
from lowsky.model.ports import Tick
from lowsky.model.site import Site
from lowsky.model.status import Registered
from lowsky.model.track import Moving, TrackSnapshot
from lowsky.track.air import Air
from lowsky.track.along import along_track, meet_others
from lowsky.track.ambiguous import turned
from lowsky.track.associate import NO_COVERAGE, Outcome, associate
from lowsky.track.births import birth, birth_by_strength
from lowsky.track.claims import Claims
from lowsky.track.core import NOTHING_ASSOCIATED, Associated, Core, densities
from lowsky.track.doubts import Doubt
from lowsky.track.duplicates import Duplicates
from lowsky.track.foreign import Foreign, take_tracks
from lowsky.track.lasting import lean_newborn
from lowsky.track.lifecycle import judge_tracks, miss_overdue
from lowsky.track.picture import Hypotheses, Picture, hypotheses, moving
from lowsky.track.rays import Rays, emitter_share
from lowsky.track.registration import Registration
from lowsky.track.reports import Identities, take_reports
from lowsky.track.rows import RejectCounter, Rows, Station, TrackReject, prepare, ranged, tempered, uncouple
from lowsky.track.sensor_errors import SensorErrors
from lowsky.track.settings import TrackerSettings, settings_of
from lowsky.track.strength import calibrated, learn_strength
from lowsky.track.table import Facts
from lowsky.track.verdicts import judge_claims
from lowsky.track.wedges import Wedges

SAVED_VERSION = 20


class Tracker:
    """Poisson multi-Bernoulli tracker over all sensors of a site (docs/science, section 1).

    Attributes
    ----------
    rejects : Counter of (sensor id, TrackReject)
        Rows it could not use, since start.
    associated : Associated
        After each step: which rows of its batch fed which tracks.
    """

    name = "track"

    def __init__(self, site: Site, settings: TrackerSettings | None = None) -> None:
        """``settings`` None: the defaults, but for the site's own."""
        settings = settings_of(site.tracker) if settings is None else settings
        self._core = Core.of(site, settings)
        self._known = Identities()
        self._foreign = Foreign()
        self._duplicates = Duplicates()
        self._wedges = Wedges()
        self._air = Air(settings)
        self._claims = Claims(list(self._core.stations.values()))
        self._registration = Registration(list(self._core.stations.values()), settings)
        self._doubts = [Doubt() for _ in self._core.stations]
        self._rays = Rays(settings.rays_most, settings.ray_parts)
        self._picture = Picture()
        self.associated: Associated = NOTHING_ASSOCIATED

    @property
    def rejects(self) -> RejectCounter:
        return self._core.rejects

    @property
    def next_track_id(self) -> int:
        """The number the next track will get."""
        return self._core.next_track_id

    def continue_track_ids(self, next_track_id: int) -> None:
        """Give out no number below this one: they were given out before (a start without this tracker's dump)."""
        self._core.next_track_id = max(self._core.next_track_id, next_track_id)

    def step(self, tick: Tick, tracks: TrackSnapshot | None = None) -> Sequence[Event]:
        """Move to ``tick.t_ns`` with its batch, if any. Returns what happened, ``seq`` 0. Never raises for data."""
        core = self._core
        core.step += 1
        core.now_ns = max(core.now_ns, tick.t_ns)
        core.events, core.pairs = [], []
        if tick.batch is not None:
            self._take(tick.batch)
        else:
            miss_overdue(core)
        self._rays.judge(core)
        self._show_candidates()
        judge_claims(core, self._known, self._claims)
        merged = self._duplicates.check(core, self._known)
        ended = judge_tracks(core, merged)
        self._wedges.judge(core)
        self.associated = core.associated()
        self._remove(ended)
        return core.events

    def snapshot(self, at_ns: int | None = None) -> TrackSnapshot:
        """Every shown track, each at its own ``t_state_ns``; those dropped in the last step once more.

        With ``at_ns`` those with an older state are predicted to that time. It changes nothing in the tracker.
        """
        return self._picture.snapshot(self._core, self._wedges.live, self._wedges.dropped, at_ns)

    def hypotheses(self, at_ns: int) -> Hypotheses:
        """Everything it holds possible, also what is too unlikely to be shown, predicted to ``at_ns``. Changes nothing.

        For judging whether existence is calibrated (docs/scenarios.md).
        """
        return hypotheses(self._core, at_ns)

    def moving(self, track_id: Ints) -> Moving:
        """States of those of these tracks (numbers, ascending) that are alive and have a place."""
        return moving(self._core, track_id)

    def facts(self, track_id: int) -> Facts | None:
        """Identity, texts and class evidence of a shown track, or None. To be read only."""
        table = self._core.table
        rows = np.flatnonzero(table.track_id[: table.n] == track_id)
        return table.facts.get(int(table.serial[rows[0]])) if len(rows) and track_id else None

    def registration(self, sensor: str) -> SensorErrors | None:
        """What is known of the errors of a radar or bearing sensor. To be read only."""
        return self._registration.errors(sensor)

    def registered(self, sensor: str) -> Registered | None:
        """The same for people; None where nothing is known."""
        return self._registration.told(sensor)

    def doubts(self) -> dict[str, str]:
        """Sensors whose rows are not what their site entry promises, and why."""
        said = {
            name: self._doubts[station.index].reason(
                station, self._registration.errors(name), self._registration.correction(name)
            )
            for name, station in self._core.stations.items()
        }
        for name, known in self._core.detection.items():
            said[name] = said[name] or known.reason()
        return {name: reason for name, reason in said.items() if reason}

    @property
    def rows_in_table(self) -> int:
        """Potential objects, shown or not."""
        return self._core.table.n

    def known_track_ids(self) -> list[int]:
        """Numbers of tracks that are alive, or kept for when their identity returns."""
        table = self._core.table
        own = table.track_id[: table.n]
        kept = [had[0] for had in self._known.gone.values()]
        return [*own[own > 0].tolist(), *kept, *(w.track_id for w in self._wedges.live if w.track_id)]

    def copy(self) -> "Tracker":
        """Another tracker in the same state. What never changes is shared, and so is work space; columns are copied as
        far as they are used (``TrackTable``), everything else whole, so that state that is added is copied without a
        word here."""
        core = self._core
        shared = [
            core.settings,
            core.frame,
            core.room,
            core.moving,
            *(station.sensor for station in core.stations.values()),
        ]
        return deepcopy(self, {id(part): part for part in shared})

    def bytes_per_track(self) -> int:
        """Bytes of one row of the table, words left out. Constant over a track's life: no history is kept."""
        return self._core.table.bytes_per_row()

    def dump(self) -> bytes:
        """Everything a later ``load`` needs to go on exactly as this tracker would."""
        core = self._core
        return msgspec.msgpack.encode(
            {
                "version": SAVED_VERSION,
                "now_ns": core.now_ns,
                "step": core.step,
                "next_track_id": core.next_track_id,
                "rejects": [[sensor, int(reason), n] for (sensor, reason), n in core.rejects.items()],
                "has_looks": sorted(core.has_looks),
                "last_batch_ns": list(core.last_batch_ns.items()),
                "detection": [[name, known.dump()] for name, known in core.detection.items()],
                "clutter": [[name, known.dump()] for name, known in core.clutter.items()],
                "population": core.population.dump(),
                "table": core.table.dump(),
                "together": core.together.dump(),
                "whose": core.whose.dump(),
                "known": self._known.dump(),
                "foreign": self._foreign.dump(),
                "duplicates": self._duplicates.dump(),
                "wedges": self._wedges.dump(),
                "registration": self._registration.dump(),
                "doubts": [doubt.dump() for doubt in self._doubts],
                "rays": self._rays.dump(),
                "air": self._air.dump(),
                "claims": self._claims.dump(),
                "picture": self._picture.dump(),
            }
        )

    def load(self, saved: bytes) -> None:
        """Take over what ``dump`` wrote, for the same site and settings.

        Raises
        ------
        msgspec.DecodeError, ValueError
            The bytes are not such a dump, or of another version.
        """
        parts = msgspec.msgpack.decode(saved)
        if parts["version"] != SAVED_VERSION:
            raise ValueError(f"saved tracker has version {parts['version']}, this one reads {SAVED_VERSION}")
        core = self._core
        core.now_ns, core.step, core.next_track_id = parts["now_ns"], parts["step"], parts["next_track_id"]
        core.rejects.clear()
        core.rejects.update({(sensor, TrackReject(reason)): n for sensor, reason, n in parts["rejects"]})
        core.has_looks = set(parts["has_looks"])
        core.last_batch_ns = dict(parts["last_batch_ns"])
        core.table.load(parts["table"])
        core.together.load(parts["together"])
        core.whose.load(parts["whose"])
        for name, known in parts["clutter"]:
            core.clutter[name].load(known)
        for name, known in parts["detection"]:
            core.detection[name].load(known)
        core.population.load(parts["population"])
        core.text_version += 1
        self._known.load(parts["known"])
        self._foreign.load(parts["foreign"])
        self._duplicates.load(parts["duplicates"])
        self._wedges.load(parts["wedges"])
        self._registration.load(parts["registration"])
        for doubt, kept in zip(self._doubts, parts["doubts"], strict=True):
            doubt.load(kept)
        self._rays.load(parts["rays"])
        self._air.load(parts["air"], core)
        self._claims.load(parts["claims"])
        self._picture.load(parts["picture"], core)
        self.associated = NOTHING_ASSOCIATED
        for station in core.radars:
            self._note_agreement(station)

    def _note_agreement(self, station: Station) -> None:
        agree = self._core.agree
        (agree.add if self._registration.agrees(station) else agree.discard)(station.sensor.id)

    def _take(self, batch: MeasurementBatch) -> None:
        core = self._core
        station = core.stations.get(batch.sensor)
        if station is None:
            core.rejects[batch.sensor, TrackReject.UNKNOWN_SENSOR] += len(batch)
            return
        if int(batch.kind) != station.kind:
            core.reject(station, TrackReject.WRONG_KIND, len(batch))
            return
        before_ns = core.last_batch_ns.get(batch.sensor)
        core.last_batch_ns[batch.sensor] = core.now_ns
        rows = prepare(batch, station, core.frame, core.now_ns, core.settings, core.rejects)
        uncouple(station, rows)
        if station.delivers_tracks:
            if len(rows):
                take_tracks(core, self._foreign, station, rows, batch)
        elif batch.kind == MeasurementKind.REPORT:
            if len(rows):
                self._take_reports(station, rows, batch)
        else:
            rows, is_usable = self._sifted(station, rows, len(batch), before_ns)
            if is_usable:
                self._take_look(station, self._registration.corrected(station, rows), batch, before_ns)

    def _take_reports(self, station: Station, rows: Rows, batch: MeasurementBatch) -> None:
        core = self._core
        rows, codes, names = self._claims.take_reports(core, self._known, station, rows, batch)
        self._registration.take_reports(self._claims.trusted(rows, codes, names), batch)
        rows = along_track(self._registration.reports_corrected(rows), core.settings)
        take_reports(core, self._known, station, rows, batch, codes, names)

    def _sifted(self, station: Station, rows: Rows, given: int, before_ns: int | None) -> tuple[Rows, bool]:
        """Rows that say something new, and whether the look may speak: one that may not is no evidence of absence."""
        core, doubt = self._core, self._doubts[station.index]
        had = len(rows)
        rows, copies = doubt.sift(rows, given)
        core.reject(station, TrackReject.COPY, copies)
        if copies == had > 0:
            return rows, False
        if doubt.is_frozen:
            core.reject(station, TrackReject.FROZEN, len(rows))
            return rows, False
        self._registration.take_look(station, tempered(station, rows, before_ns, core.now_ns))
        if self._registration.is_astray(station, core.now_ns):
            core.reject(station, TrackReject.ASTRAY, len(rows))
            return rows, False
        return rows, True

    def _take_look(self, station: Station, rows: Rows, batch: MeasurementBatch, before_ns: int | None) -> None:
        """Plots or bearings of one look, sector or datagram; the sensor's batch before came at ``before_ns``."""
        core = self._core
        limits, t_look_ns = NO_COVERAGE, core.now_ns
        if batch.coverage is not None:
            core.has_looks.add(batch.sensor)
            # a bearing sensor hears only what transmits or is loud: its silence is no evidence against what others saw
            if batch.kind == MeasurementKind.RADAR:
                limits = station.coverage_limits(batch.coverage)
                t_look_ns = (batch.coverage.t_from_ns + batch.coverage.t_to_ns) // 2
                t_look_ns -= self._registration.clock_ns(station)
        if not len(rows) and batch.coverage is None:
            return
        rays = self._rays if batch.kind == MeasurementKind.BEARING else None
        named = np.zeros(len(rows), np.bool_)
        if len(rows):
            meet_others(core.table, station)
        came = turned(core, station, ranged(station, rows, batch), self._rays)
        rows = calibrated(core, station, came)
        told = tempered(station, rows, before_ns, core.now_ns)  # what is born of a row has its whole error, once
        outcome = associate(core, station, told, limits, t_look_ns, named, batch.coverage, rays)
        self._claims.take_look(core, self._known, station, told, outcome, limits, t_look_ns, self._registration)
        whole = limits is not NO_COVERAGE
        self._doubts[station.index].note(outcome.d2, outcome.components, float(outcome.p_new.sum()) if whole else None)
        if batch.kind == MeasurementKind.RADAR and len(core.radars) > 1:
            sure = core.sure_plots(station, outcome.track, outcome.row, outcome.p_edge)
            self._registration.take_plots(station, rows, *sure)
            self._note_agreement(station)
        hit = outcome.p_edge >= 0.01
        core.note_columns(batch, station, outcome.track[hit], rows.source[outcome.row[hit]], outcome.p_edge[hit])
        if batch.kind == MeasurementKind.BEARING:
            times = float(np.nanmax(told.var[:, 0] / rows.var[:, 0], initial=1.0))
            learn_strength(core, station, came, times, (outcome.track, outcome.row, outcome.p_edge))
            by_tracks = np.bincount(outcome.row, outcome.p_edge, len(rows))
            self._wedges.take(core, station, told, 1.0 - by_tracks)
            self._rays.start(core, station, rows, outcome.p_new)
            birth_by_strength(core, station, rows, outcome.p_new * emitter_share(core, station))
            return
        self._air.take_look(core, station, told, (outcome.track, outcome.row, outcome.p_edge))
        self._give_birth(station, rows, batch, outcome, t_look_ns)
        core.population.take_look(station, batch.coverage, t_look_ns)

    def _give_birth(
        self, station: Station, rows: Rows, batch: MeasurementBatch, outcome: Outcome, t_look_ns: int
    ) -> None:
        """Candidates of a radar's rows that are nobody's. The look itself tells first how many more there are to find,
        and where its false plots come from."""
        core = self._core
        core.population.count(station, core.table, batch.coverage, t_look_ns, float(outcome.p_new.sum()))
        false = outcome.p_new * (1.0 - outcome.birth_share)
        if (known := core.clutter.get(batch.sensor)) is not None:
            known.learn(rows.z, false, t_look_ns, batch.coverage)
        r_new = outcome.p_new * densities(core, station, rows, false)[1]
        born = np.flatnonzero(r_new > core.r_recycle)
        most = core.settings.births_most
        if len(born) > most:
            core.reject(station, TrackReject.THINNED, len(born) - most)
            born = np.sort(born[np.argsort(-r_new[born], kind="stable")[:most]])
        if len(born):
            lean_newborn(core, station, birth(core, station, rows, born, r_new[born]), rows.z[born])

    def _show_candidates(self) -> None:
        """Candidates likely enough to be shown get their numbers, in order of birth."""
        core = self._core
        table = core.table
        settings = core.settings
        rows = likely(
            table.n, table.track_id, table.r, table.hits, table.born_by, settings.r_show, settings.hits_show
        )  # fmt: skip
        if not len(rows):
            return
        stations = list(core.stations.values())
        for row in rows[np.argsort(table.serial[rows])].tolist():
            newest = int(np.argmax(table.t_hit_ns[row]))
            core.show(row, stations[newest], "measurements agree")

    def _remove(self, ended: Ints) -> None:
        """Take ended tracks (rows) and recycled candidates out of the table."""
        core, table, settings = self._core, self._core.table, self._core.settings
        if len(ended) or self._picture.dropped_words:
            self._picture.keep_dropped(core, ended)
            core.text_version += 1
        gone = weak_rows(table.n, table.track_id, table.r, table.status, ended, core.r_recycle)
        if not len(gone):
            return
        for row in gone[table.has_identity[gone]].tolist():
            identity = table.facts[int(table.serial[row])].identity
            if identity is not None:
                place = table.xm[row, :3]
                core.whose.forget(identity)
                self._known.forget(identity, int(table.track_id[row]), core.now_ns, place, settings.remembered)
        table.remove(gone)


__all__ = ["Facts", "Tracker"]
