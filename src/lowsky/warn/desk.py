"""The alert desk: failing sensors and what rules watch for, as alerts that are raised, become more urgent, and end.

What people do with an alert (acknowledge, shelve) comes later; the seam is this class: events and tracks in, alerts
out, nothing else.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from lowsky.model.events import (
    AlertCleared,
    AlertRaised,
    AlertRaisedHigher,
    Event,
    NodeStarted,
    SensorDegraded,
    SensorDown,
    SensorUp,
)
from lowsky.model.site import Site
from lowsky.model.status import Alert
from lowsky.model.track import TrackSnapshot
from lowsky.warn.incidents import Incident, Incidents
from lowsky.warn.watch import Watch


class _Saved(msgspec.Struct):
    next_id: int
    open: dict[str, Alert]
    watch: list[Any]
    incidents: list[Any]


class Desk:
    """Open alerts, newest first. Deterministic; ``dump`` and ``load`` are exact."""

    name = "warn"

    def __init__(self, site: Site) -> None:
        self._next_id, self._site = 1, site
        self._open: dict[str, Alert] = {}  # by sensor id, or /zones/ and the id of a file
        self._watch, self._incidents = Watch.of(site), Incidents()
        self.has_rules = bool(site.rules)

    def step(self, events: Sequence[Event]) -> list[Event]:
        """Alerts raised and cleared by these events (``seq`` 0: the pipeline numbers them)."""
        out: list[Event] = []
        for event in events:
            if isinstance(event, NodeStarted):
                out += self._unwatched(event)
            elif isinstance(event, SensorDown | SensorDegraded):
                out += self._raise(event)
            elif isinstance(event, SensorUp):
                out += self._clear(event)
        return out

    def watch(self, tracks: TrackSnapshot) -> list[Event]:
        """Alerts by the rules, of the picture at a whole second. Every second has to be shown, once."""
        hits, lingering = self._watch.step(tracks)
        change = self._incidents.step(hits, lingering, tracks, self._next_id)
        self._next_id += len(change.begun)
        t_ns = tracks.t_ns
        return [
            *(
                AlertRaised(
                    seq=0, t_event_ns=t_ns, cause=i.why, alert_id=i.alert_id, priority=i.priority, title=i.title,
                    track_id=_first(i),
                )
                for i in change.begun
            ),
            *(
                AlertRaisedHigher(
                    seq=0, t_event_ns=t_ns, cause=i.why, alert_id=i.alert_id, priority=i.priority, title=i.title
                )
                for i in change.raised_higher
            ),
            *(
                AlertCleared(seq=0, t_event_ns=t_ns, cause="no track satisfies a rule any more", alert_id=i.alert_id)
                for i in change.ended
            ),
        ]  # fmt: skip

    def _unwatched(self, event: NodeStarted) -> list[Event]:
        """An alert for each file of zones that are not watched as they should be, for as long as the node runs."""
        out: list[Event] = []
        for file in self._site.zone_files:
            if file.lost:
                why = "; ".join(file.lost)
                title = f"Zones of {file.id} are not watched: {file.lost[0]}"
                self._open[f"/zones/{file.id}"] = alert = Alert(
                    id=self._next_id, priority="medium", title=title, raised_ns=event.t_event_ns, why=why
                )
                self._next_id += 1
                raised = AlertRaised(
                    seq=0, t_event_ns=event.t_event_ns, cause=why, alert_id=alert.id, priority="medium", title=title
                )
                out.append(raised)
        return out

    def _raise(self, event: SensorDown | SensorDegraded) -> list[Event]:
        word = "down" if isinstance(event, SensorDown) else "degraded"
        title = f"{event.sensor} {word}: {event.cause}"
        cleared = self._clear(event) if event.sensor in self._open else []
        alert = Alert(id=self._next_id, priority="low", title=title, raised_ns=event.t_event_ns, sensor=event.sensor)
        self._next_id += 1
        self._open[event.sensor] = alert
        raised = AlertRaised(
            seq=0, t_event_ns=event.t_event_ns, cause=event.cause,
            alert_id=alert.id, priority=alert.priority, title=title, sensor=event.sensor,
        )  # fmt: skip
        return [*cleared, raised]

    def _clear(self, event: SensorUp | SensorDown | SensorDegraded) -> list[Event]:
        alert = self._open.pop(event.sensor, None)
        if alert is None:
            return []
        return [AlertCleared(seq=0, t_event_ns=event.t_event_ns, cause=event.cause, alert_id=alert.id)]

    def alerts(self) -> tuple[Alert, ...]:
        told = [
            Alert(
                id=i.alert_id,
                priority=i.priority,
                title=i.title,
                raised_ns=i.raised_ns,
                track_id=_first(i),
                why=i.why,
                checks=i.checks,
                rule=i.rule,
                zones=(i.zone,) if i.zone else (),
                track_ids=_on(i),
            )
            for i in self._incidents.live.values()
        ]
        return tuple(sorted([*self._open.values(), *told], key=lambda alert: -alert.id))

    def dump(self) -> bytes:
        saved = _Saved(self._next_id, self._open, self._watch.dump(), self._incidents.dump())
        return msgspec.msgpack.encode(saved)

    def load(self, saved: bytes) -> None:
        state = msgspec.msgpack.decode(saved, type=_Saved)
        self._next_id = state.next_id
        self._open = state.open
        self._watch.load(state.watch)
        self._incidents.load(state.incidents)


def _first(incident: Incident) -> int | None:
    """The track to look at: the lowest number of those that satisfy a rule."""
    return min(_on(incident), default=None)


def _on(incident: Incident) -> tuple[int, ...]:
    return tuple(sorted(track_id for track_id, member in incident.members.items() if member.is_on))
