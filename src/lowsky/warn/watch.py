"""Which tracks satisfy which rules, second by second: at once when they begin to, and for how long they have to."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowsky.constants import SECOND_NS
from lowsky.geo.enu import EnuFrame
from lowsky.model.classes import BY_LABEL, COVERS, ObjectClass
from lowsky.model.measurement import Floats, Ints
from lowsky.model.site import Sensor, Site
from lowsky.model.track import IdentityState, PositionKind, TrackSnapshot, TrackStatus
from lowsky.model.zone import Rule, is_any
from lowsky.warn.ground import Ground, Ways, warm_up, ways_of

WINDOW = (3, 5)  # seconds in which a rule has to hold, of so many
SIGMAS = 4.0
FASTER_MPS = 20.0  # what somebody may become faster than he is
MARGIN_M = 50.0  # beside a zone, before who was in it is out of it
SLACK = 0.7  # of a rule's probabilities, for who satisfied it: what hovers about a limit does not switch on and off


@dataclass(frozen=True, slots=True)
class Hit:
    """One track that satisfies one rule."""

    rule: Rule
    track_id: int
    x: Floats  # float64[6]
    t_ns: int
    zone: str  # "" where the rule has none
    probability: float  # of entering; 1: it is in
    in_s: float  # median time until then; 0: it is in
    p_class: float
    existence: float
    sensors: tuple[str, ...]
    identity: str  # of IDENTITY_STATES


@dataclass(slots=True)
class Since:
    """When one track satisfied one rule: ``seconds`` has a bit for each, the lowest is ``last_ns``."""

    last_ns: int
    seconds: int = 0
    is_on: bool = False

    def take(self, t_ns: int, rule: Rule) -> None:
        """It satisfies the rule now. It counts from then on if it did in three of the last five seconds, or as many as
        the rule says."""
        needed = round(rule.on_s) + 1
        window = -(-needed * WINDOW[1] // WINDOW[0])
        gone = max(0, t_ns - self.last_ns) // SECOND_NS  # a clock that was set back makes none pass
        self.seconds = ((self.seconds << gone if gone < window else 0) | 1) & ((1 << window) - 1)
        self.last_ns = t_ns
        self.is_on = self.is_on or self.seconds.bit_count() >= needed

    def is_over(self, t_ns: int, rule: Rule) -> bool:
        """Nothing to remember: too long ago to count, or to begin to."""
        patience_s = rule.off_s if self.is_on else (round(rule.on_s) + 1) * WINDOW[1] / WINDOW[0]
        return t_ns - self.last_ns > int(patience_s * SECOND_NS)


@dataclass(slots=True)
class Watch:
    """All rules of a site. State is who satisfies what since when."""

    site: Site
    frame: EnuFrame
    grounds: dict[str, Ground]
    bounds: list[Floats]  # of each rule: float64[Z, 4] of its zones that there are
    since: dict[tuple[int, int], Since] = field(default_factory=dict)  # rule's place, track id

    @classmethod
    def of(cls, site: Site) -> "Watch":
        grounds = {zone.id: Ground.of(zone, site) for zone in site.zones}
        if site.rules:
            warm_up()
        frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
        return cls(site, frame, grounds, _bounds(site, grounds))

    def change(self, site: Site) -> None:
        """The same site with other zones. Who satisfies a rule since when stays: rules keep their places."""
        known = self.grounds
        same = {zone.id for zone in site.zones if zone.id in known and known[zone.id].zone is zone}
        self.grounds = {z.id: known[z.id] if z.id in same else Ground.of(z, site) for z in site.zones}
        self.site, self.bounds = site, _bounds(site, self.grounds)

    def step(self, tracks: TrackSnapshot) -> tuple[list[Hit], set[int]]:
        """Hits that count now, and the tracks that count although they do not satisfy their rules at the moment."""
        t_ns, hits, lingering = tracks.t_ns, [], set()
        ahead = Ahead(tracks, max((rule.within_s for rule in self.site.rules), default=0.0))
        for k, rule in enumerate(self.site.rules):
            found = {hit.track_id: hit for hit in self._satisfying(k, rule, tracks, ahead)}
            for track_id in found:
                self.since.setdefault((k, track_id), Since(t_ns)).take(t_ns, rule)
            on, late = [], set()
            for (at, track_id), since in list(self.since.items()):
                if at != k:
                    continue
                if since.is_over(t_ns, rule):
                    del self.since[at, track_id]
                elif since.is_on and track_id in found:
                    on.append(found[track_id])
                elif since.is_on:
                    late.add(track_id)
            if len(on) + len(late) >= rule.count:
                hits += on
                lingering |= late
        return hits, lingering

    def _satisfying(self, k: int, rule: Rule, tracks: TrackSnapshot, ahead: "Ahead") -> list[Hit]:
        if not is_any(rule.periods, tracks.t_ns):
            return []
        rows, p_class = self._of_kind(k, rule, tracks)
        hits = []
        for row, p in zip(rows.tolist(), p_class.tolist(), strict=True):
            track_id, existence = int(tracks.track_id[row]), float(tracks.existence[row])
            was_on = self._is_on(k, track_id)
            least = rule.probability if rule.least is None else rule.least / max(existence * p, 1e-12)
            where = self._where(k, rule, ahead, row, was_on, least * (SLACK if was_on else 1.0))
            if where is not None:
                seen = tuple(sensor.id for sensor in self._seen_by(int(tracks.sensors[row])))
                said = identity_state(tracks, row)
                hits.append(Hit(rule, track_id, tracks.x[row], tracks.t_ns, *where, p, existence, seen, said))
        return hits

    def _seen_by(self, bits: int) -> list[Sensor]:
        return [sensor for i, sensor in enumerate(self.site.sensors) if bits >> i & 1]

    def _is_on(self, k: int, track_id: int) -> bool:
        since = self.since.get((k, track_id))
        return since is not None and since.is_on

    def _of_kind(self, k: int, rule: Rule, tracks: TrackSnapshot) -> tuple[Ints, Floats]:
        """Rows that satisfy all of the rule but its zones, and the probability of its classes."""
        slack = np.array([SLACK if self._is_on(k, i) else 1.0 for i in tracks.track_id.tolist()])
        live = (tracks.status == TrackStatus.CONFIRMED) | (tracks.status == TrackStatus.COASTING)
        p_class = np.ones(len(tracks))
        if rule.classes:
            p_class = tracks.class_probability[:, self._columns(rule)].sum(axis=1)
        speed = np.linalg.norm(tracks.x[:, 3:], axis=1)
        fits = live & (tracks.position_kind == PositionKind.POINT)
        if rule.least is None:
            fits &= (tracks.existence >= slack * rule.existence) & (
                p_class >= (slack * rule.class_probability if rule.classes else 0.0)
            )
        else:
            fits &= tracks.existence * p_class >= slack * rule.least
        fits &= (speed >= rule.speed_mps[0]) & (speed <= rule.speed_mps[1])
        rows = np.flatnonzero(fits)
        if rule.sensors > 1 or rule.sensor_kinds > 1:
            seen = [self._seen_by(int(tracks.sensors[row])) for row in rows.tolist()]
            enough = [len(s) >= rule.sensors and len({x.kind for x in s}) >= rule.sensor_kinds for s in seen]
            rows = rows[np.array(enough, np.bool_)]
        rows = rows[np.array([self._says(rule, tracks, row) for row in rows.tolist()], np.bool_)]
        if len(rows) and np.isfinite([rule.floor_m, rule.ceiling_m]).any():
            height = self.frame.geodetic(tracks.x[rows, :3])[:, 2]
            rows = rows[(height >= rule.floor_m) & (height <= rule.ceiling_m)]
        return rows, p_class[rows]

    @staticmethod
    def _says(rule: Rule, tracks: TrackSnapshot, row: int) -> bool:
        """What it says it is, or does not, is what the rule wants."""
        said = identity_state(tracks, row)
        if rule.anonymous and said not in ("none", "contradicted"):  # who lies about it has no name either
            return False
        return not rule.identity or said in rule.identity

    @staticmethod
    def _columns(rule: Rule) -> list[int]:
        """A word that stands for several classes means all of them."""
        words = [BY_LABEL[name] for name in rule.classes]
        return sorted({int(c) for word in words for c in (word, *COVERS.get(ObjectClass(word), ()))})

    def _where(
        self, k: int, rule: Rule, ahead: "Ahead", row: int, was_on: bool, least: float
    ) -> tuple[str, float, float] | None:
        """Zone, probability and time of the zone it is in, or most probably enters; None where it does neither."""
        if not rule.zones:
            return ("", 1.0, 0.0) if least <= 1.0 else None
        x, best, t_ns = ahead.tracks.x[row], None, ahead.tracks.t_ns
        known = [name for name in rule.zones if name in self.grounds]
        margin_m = MARGIN_M if was_on else 0.0
        near = beside_m(x, self.bounds[k]) <= margin_m
        reached = ahead.meets(row, self.bounds[k], rule.within_s) if rule.within_s > 0.0 else near
        for j in np.flatnonzero(near | reached).tolist():
            ground = self.grounds[known[j]]
            if not ground.zone.is_watched(t_ns):
                continue
            if near[j] and least <= 1.0 and ground.holds(x, margin_m):
                return ground.zone.id, 1.0, 0.0
            if reached[j] and rule.within_s > 0.0:
                p, in_s = ground.entry(ahead.of(row), rule.within_s)
                if p >= least and (best is None or p > best[1]):
                    best = ground.zone.id, p, in_s
        return best

    def dump(self) -> list[Any]:
        return [[k, track_id, s.last_ns, format(s.seconds, "x"), s.is_on] for (k, track_id), s in self.since.items()]

    def load(self, saved: list[Any]) -> None:
        self.since = {(k, i): Since(last_ns, int(seconds, 16), is_on) for k, i, last_ns, seconds, is_on in saved}


class Ahead:
    """Where the tracks of a second may go: made for whom it is asked of, once for all rules and zones."""

    def __init__(self, tracks: TrackSnapshot, within_s: float) -> None:
        self.tracks, self._within_s = tracks, within_s
        self._made: dict[int, Ways] = {}

    def of(self, row: int) -> Ways:
        if row not in self._made:
            tracks = self.tracks
            self._made[row] = ways_of(tracks.x[row], tracks.P[row], tracks.behaviour[row], self._within_s)
        return self._made[row]

    def meets(self, row: int, bounds: Floats, within_s: float) -> NDArray[np.bool_]:
        """Which of the boxes float64[Z, 4] its ways may lead to. They are made only where one is at all near."""
        near = beside_m(self.tracks.x[row], bounds) <= self._reach_m(row, within_s)
        if near.any():
            own = self.of(row).bounds()
            near &= (bounds[:, 0] <= own[1]) & (bounds[:, 1] >= own[0])
            near &= (bounds[:, 2] <= own[3]) & (bounds[:, 3] >= own[2])
        return near

    def _reach_m(self, row: int, within_s: float) -> float:
        """None of its ways leads farther."""
        x, P = self.tracks.x[row], self.tracks.P[row]
        sigma = np.sqrt(np.maximum(np.diag(P), 0.0))
        fast = float(np.hypot(x[3], x[4]) + SIGMAS * np.hypot(sigma[3], sigma[4])) + FASTER_MPS
        return fast * within_s + SIGMAS * float(np.hypot(sigma[0], sigma[1]))


def _bounds(site: Site, grounds: dict[str, Ground]) -> list[Floats]:
    return [
        np.array([grounds[name].bounds for name in rule.zones if name in grounds]).reshape(-1, 4) for rule in site.rules
    ]


def beside_m(x: Floats, bounds: Floats) -> Floats:
    """Level distance of a state from boxes float64[Z, 4], m; 0 in them."""
    east = np.maximum(np.maximum(bounds[:, 0] - x[0], x[0] - bounds[:, 1]), 0.0)
    north = np.maximum(np.maximum(bounds[:, 2] - x[1], x[1] - bounds[:, 3]), 0.0)
    return np.asarray(np.hypot(east, north))


def identity_state(tracks: TrackSnapshot, row: int) -> str:
    """Of IDENTITY_STATES: what is known of what a track says it is."""
    return IdentityState(int(tracks.identity_state[row])).label
