"""Tracks that satisfy rules, put together into incidents: one alert each, however many tracks and rules it has.

A track belongs to the incident it was in, else to the one with a member near it that flies the same way: a swarm, a
track that was lost and found again, or one that two sensors see as two, is one situation. Swarms from two sides are
two.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from lowsky.model.measurement import Floats
from lowsky.model.status import Check
from lowsky.model.track import TrackSnapshot
from lowsky.model.zone import PRIORITIES
from lowsky.warn.watch import Hit

LINK_M = 1_000.0  # a member of an incident this near …
SAME_WAY_RAD = 1.0  # … that flies within 57° of one's course, where both fly
FLYING_MPS = 5.0
GONE_S = 60.0  # who was lost is looked for so long …
SPREAD_MPS = 30.0  # … within what he may have flown meanwhile


@dataclass(slots=True)
class Member:
    """One track of an incident, as last seen."""

    t_ns: int
    x: Floats  # float64[6]
    is_on: bool


@dataclass(slots=True)
class Incident:
    """One situation: its alert, and who is in it."""

    alert_id: int
    priority: str
    raised_ns: int
    title: str = ""
    why: str = ""
    rule: str = ""
    zone: str = ""  # "" where the rule has none
    checks: tuple[Check, ...] = ()
    most: int = 0  # tracks at a time, so far
    members: dict[int, Member] = field(default_factory=dict)

    def distance(self, x: Floats, t_ns: int) -> float:
        """To the nearest member that may have become a track of state x; 1 is as far as it may be."""
        best = np.inf
        for member in self.members.values():
            age_s = (t_ns - member.t_ns) * 1e-9
            if age_s > GONE_S or not _same_way(member.x, x):
                continue
            away_m = float(np.linalg.norm(member.x[:2] + age_s * member.x[3:5] - x[:2]))
            best = min(best, away_m / (LINK_M + SPREAD_MPS * age_s))
        return best


def _same_way(a: Floats, b: Floats) -> bool:
    if min(np.hypot(a[3], a[4]), np.hypot(b[3], b[4])) < FLYING_MPS:
        return True
    turn = np.arctan2(a[3], a[4]) - np.arctan2(b[3], b[4])
    return bool(abs((turn + np.pi) % (2.0 * np.pi) - np.pi) < SAME_WAY_RAD)


@dataclass(slots=True)
class Incidents:
    """Open incidents by the number of their alert."""

    live: dict[int, Incident] = field(default_factory=dict)

    def step(self, hits: list[Hit], lingering: set[int], tracks: TrackSnapshot, next_id: int) -> "Change":
        """What begins, changes and ends with this second's hits; ``next_id`` is the first free number."""
        change = Change()
        by_track: dict[int, list[Hit]] = {}
        for hit in hits:
            by_track.setdefault(hit.track_id, []).append(hit)
        self._follow(by_track, lingering, tracks)
        fresh: dict[int, Incident] = {}
        for track_id, own in by_track.items():
            incident = self._of(track_id, own[0])
            if incident is None:
                incident = Incident(next_id + len(fresh), "", tracks.t_ns)
                fresh[incident.alert_id] = self.live[incident.alert_id] = incident
            incident.members[track_id] = Member(tracks.t_ns, own[0].x, True)
        for incident in list(self.live.values()):
            on = [hit for i, m in incident.members.items() if m.is_on for hit in by_track.get(i, ())]
            if not any(m.is_on for m in incident.members.values()):
                del self.live[incident.alert_id]
                change.ended.append(incident)
            elif on:
                was = incident.priority
                _describe(incident, on)
                if incident.alert_id in fresh:
                    change.begun.append(incident)
                elif incident.priority != was:
                    change.raised_higher.append(incident)
        return change

    def _follow(self, by_track: dict[int, list[Hit]], lingering: set[int], tracks: TrackSnapshot) -> None:
        """Members where they are now. Who is no hit any more, and does not linger, is off; long gone, forgotten."""
        row_of = {track_id: k for k, track_id in enumerate(tracks.track_id.tolist())}
        for incident in self.live.values():
            for track_id, member in list(incident.members.items()):
                row = row_of.get(track_id)
                if row is not None:
                    member.t_ns, member.x = tracks.t_ns, tracks.x[row]
                member.is_on = track_id in by_track or track_id in lingering
                if not member.is_on and tracks.t_ns - member.t_ns > int(GONE_S * 1e9):
                    del incident.members[track_id]

    def _of(self, track_id: int, hit: Hit) -> Incident | None:
        for incident in self.live.values():
            if track_id in incident.members:
                return incident
        near = [(incident.distance(hit.x, hit.t_ns), incident.alert_id) for incident in self.live.values()]
        distance, alert_id = min(near, default=(np.inf, 0))
        return self.live[alert_id] if distance < 1.0 else None

    def dump(self) -> list[Any]:
        return [
            [
                i.alert_id, i.priority, i.raised_ns, i.title, i.why, i.rule, i.zone, i.checks, i.most,
                [[track_id, m.t_ns, m.x.tolist(), m.is_on] for track_id, m in i.members.items()],
            ]
            for i in self.live.values()
        ]  # fmt: skip

    def load(self, saved: list[Any]) -> None:
        self.live = {}
        for alert_id, priority, raised_ns, title, why, rule, zone, checks, most, members in saved:
            kept = {i: Member(t_ns, np.array(x, np.float64), is_on) for i, t_ns, x, is_on in members}
            said = tuple(msgspec.convert(check, Check) for check in checks)
            self.live[alert_id] = Incident(alert_id, priority, raised_ns, title, why, rule, zone, said, most, kept)


@dataclass(slots=True)
class Change:
    """Of one second."""

    begun: list[Incident] = field(default_factory=list)
    raised_higher: list[Incident] = field(default_factory=list)
    ended: list[Incident] = field(default_factory=list)


def _describe(incident: Incident, hits: list[Hit]) -> None:
    """Priority never falls while the incident lasts; title and why are of its most urgent hit."""
    worst = min(hits, key=lambda hit: (PRIORITIES.index(hit.rule.priority), hit.in_s, -hit.probability, hit.track_id))
    known = incident.priority or PRIORITIES[-1]
    incident.priority = min(known, worst.rule.priority, key=PRIORITIES.index)
    n = len({hit.track_id for hit in hits})
    incident.most = max(incident.most, n)
    what = "/".join(worst.rule.classes) or "object"
    who = f"{what} T{worst.track_id}" if n == 1 else f"{n} tracks, first {what} T{worst.track_id}"
    incident.title = f"{worst.rule.id}: {who}{_whither(worst)}"
    incident.rule, incident.zone, incident.checks = worst.rule.id, worst.zone, checks(worst)
    incident.why = why(worst)


def _whither(hit: Hit) -> str:
    if not hit.zone:
        return ""
    if hit.in_s == 0.0 and hit.probability == 1.0:
        return f" in {hit.zone}"
    when = f" in {hit.in_s:.0f} s" if np.isfinite(hit.in_s) else f" within {hit.rule.within_s:.0f} s"
    return f" to {hit.zone}{when} ({hit.probability:.0%})"


def why(hit: Hit) -> str:
    """The rule and its inputs, each beside its limit."""
    rule, least = hit.rule, hit.rule.least
    is_inside = hit.zone != "" and hit.in_s == 0.0 and hit.probability == 1.0
    parts = [f"exists {hit.existence:.3f}" + (f", needs {rule.existence:g}" if least is None else "")]
    if rule.classes:
        needed = f", needs {rule.class_probability:g}" if least is None else ""
        parts.append(f"{' or '.join(rule.classes)} {hit.p_class:.3f}{needed}")
    if is_inside:
        parts.append(f"in {hit.zone}")
    elif hit.zone:
        needed = f", needs {rule.probability:g}" if least is None else ""
        parts.append(f"enters {hit.zone} within {rule.within_s:g} s: {hit.probability:.2f}{needed}")
    if least is not None:
        p = hit.existence * hit.p_class * hit.probability
        costs = f"{rule.cost_false:g} a false warning, {rule.cost_missed:g} a missed one"
        parts.append(f"together {p:.3f}, needs {least:.3g} ({costs})")
    if rule.identity:
        parts.append(f"identity {hit.identity}, wanted {' or '.join(rule.identity)}")
    parts.append("seen by " + (", ".join(hit.sensors) or "nobody now"))
    return f"rule {rule.id}: " + "; ".join(parts)


def checks(hit: Hit) -> tuple[Check, ...]:
    """The same as data."""
    rule, said = hit.rule, [Check(what="existence", value=hit.existence, needs=hit.rule.existence)]
    if rule.classes:
        said.append(Check(what="class " + "/".join(rule.classes), value=hit.p_class, needs=rule.class_probability))
    if hit.zone and hit.in_s == 0.0 and hit.probability == 1.0:
        said.append(Check(what="in zone", value=hit.zone))
    elif hit.zone:
        said.append(Check(what=f"enters {hit.zone}", value=hit.probability, needs=rule.probability))
        said.append(
            Check(what="within", value=hit.in_s if np.isfinite(hit.in_s) else None, needs=rule.within_s, unit="s")
        )
    said.append(Check(what="sensors", value=float(len(hit.sensors)), needs=float(rule.sensors)))
    return tuple(said)
