"""Which tracks satisfy which rules, second by second: at once when they begin to, and for how long they have to."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lowsky.constants import SECOND_NS
from lowsky.geo.enu import EnuFrame
from lowsky.model.classes import BY_LABEL, COVERS, ObjectClass
from lowsky.model.measurement import Floats, Ints
from lowsky.model.site import Site
from lowsky.model.track import PositionKind, TrackSnapshot, TrackStatus
from lowsky.model.zone import Rule
from lowsky.warn.ground import Ground

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


@dataclass(slots=True)
class Since:
    """How long one track has satisfied one rule, or not."""

    begun_ns: int
    last_ns: int
    is_on: bool = False


@dataclass(slots=True)
class Watch:
    """All rules of a site. State is who satisfies what since when."""

    site: Site
    grounds: dict[str, Ground]
    since: dict[tuple[int, int], Since] = field(default_factory=dict)  # rule's place, track id

    @classmethod
    def of(cls, site: Site) -> "Watch":
        return cls(site, {zone.id: Ground.of(zone, site) for zone in site.zones})

    def step(self, tracks: TrackSnapshot) -> tuple[list[Hit], set[int]]:
        """Hits that count now, and the tracks that count although they do not satisfy their rules at the moment."""
        t_ns, hits, lingering = tracks.t_ns, [], set()
        for k, rule in enumerate(self.site.rules):
            found = {hit.track_id: hit for hit in self._satisfying(k, rule, tracks)}
            for track_id in found:
                since = self.since.get((k, track_id))
                if since is None:
                    since = self.since[k, track_id] = Since(t_ns, t_ns)
                since.last_ns = t_ns
                since.is_on = since.is_on or t_ns - since.begun_ns >= int(rule.on_s * SECOND_NS)
            on, late = [], set()
            for (at, track_id), since in list(self.since.items()):
                if at != k:
                    continue
                gone_ns = t_ns - since.last_ns
                if gone_ns > int((rule.off_s if since.is_on else 0.0) * SECOND_NS):
                    del self.since[at, track_id]
                elif since.is_on:
                    if track_id in found:
                        on.append(found[track_id])
                    else:
                        late.add(track_id)
            if len(on) + len(late) >= rule.count:
                hits += on
                lingering |= late
        return hits, lingering

    def _satisfying(self, k: int, rule: Rule, tracks: TrackSnapshot) -> list[Hit]:
        rows, p_class = self._of_kind(k, rule, tracks)
        hits = []
        for row, p in zip(rows.tolist(), p_class.tolist(), strict=True):
            was_on = self._is_on(k, int(tracks.track_id[row]))
            where = self._where(rule, tracks, row, was_on)
            if where is not None:
                bits = int(tracks.sensors[row])
                seen = tuple(s.id for i, s in enumerate(self.site.sensors) if bits >> i & 1)
                track_id, existence = int(tracks.track_id[row]), float(tracks.existence[row])
                hits.append(Hit(rule, track_id, tracks.x[row], tracks.t_ns, *where, p, existence, seen))
        return hits

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
        sensors = np.array([int(bits).bit_count() for bits in tracks.sensors.tolist()], np.int64)
        fits = live & (tracks.position_kind == PositionKind.POINT) & (tracks.existence >= slack * rule.existence)
        fits &= (p_class >= slack * rule.class_probability) if rule.classes else True
        fits &= (speed >= rule.speed_mps[0]) & (speed <= rule.speed_mps[1]) & (sensors >= rule.sensors)
        rows = np.flatnonzero(fits)
        if rule.anonymous:
            rows = rows[[tracks.identity[row] is None for row in rows.tolist()]]
        if len(rows) and np.isfinite([rule.floor_m, rule.ceiling_m]).any():
            frame = EnuFrame.at(self.site.latitude_rad, self.site.longitude_rad, self.site.height_m)
            height = frame.geodetic(tracks.x[rows, :3])[:, 2]
            rows = rows[(height >= rule.floor_m) & (height <= rule.ceiling_m)]
        return rows, p_class[rows]

    @staticmethod
    def _columns(rule: Rule) -> list[int]:
        """A word that stands for several classes means all of them."""
        words = [BY_LABEL[name] for name in rule.classes]
        return sorted({int(c) for word in words for c in (word, *COVERS.get(ObjectClass(word), ()))})

    def _where(self, rule: Rule, tracks: TrackSnapshot, row: int, was_on: bool) -> tuple[str, float, float] | None:
        """Zone, probability and time of the zone it is in, or enters first; None where it does neither."""
        if not rule.zones:
            return "", 1.0, 0.0
        best: tuple[str, float, float] | None = None
        for name in rule.zones:
            ground = self.grounds[name]
            if not ground.zone.is_watched(tracks.t_ns):
                continue
            if ground.holds(tracks.x[row], MARGIN_M if was_on else 0.0):
                return name, 1.0, 0.0
            if rule.within_s > 0.0:
                p, in_s = ground.entry(tracks.x[row], tracks.P[row], rule.within_s)
                if p >= rule.probability * (SLACK if was_on else 1.0) and (best is None or p > best[1]):
                    best = name, p, in_s
        return best

    def dump(self) -> list[Any]:
        return [[k, track_id, s.begun_ns, s.last_ns, s.is_on] for (k, track_id), s in self.since.items()]

    def load(self, saved: list[Any]) -> None:
        self.since = {(k, i): Since(begun_ns, last_ns, is_on) for k, i, begun_ns, last_ns, is_on in saved}
