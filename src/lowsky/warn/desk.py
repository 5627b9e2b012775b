"""The alert desk: failing sensors, zones that nobody watches and what rules look for, as alerts that are raised, become
more urgent, and end; and what people do with them (``book``).

Events, tracks and actions in, events and alerts out, nothing else.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from lowsky.model.events import Event, NodeStarted, SensorDegraded, SensorDown, SensorUp
from lowsky.model.ports import OperatorAction
from lowsky.model.site import Site
from lowsky.model.status import Alert, DeskStatus
from lowsky.model.track import TrackSnapshot
from lowsky.model.zone import Zone
from lowsky.warn.book import Book
from lowsky.warn.coverage import Lookout, Watched
from lowsky.warn.figures import Figures
from lowsky.warn.incidents import Incident, Incidents
from lowsky.warn.putzones import ACTS, PutZones
from lowsky.warn.watch import Watch


class _Saved(msgspec.Struct):
    zones: list[Zone]
    next_id: int
    open: dict[str, int]
    watch: list[Any]
    incidents: list[Any]
    book: Any
    down: list[str]


class Desk:
    """Alerts that are somebody's business, newest first. Deterministic; ``dump`` and ``load`` are exact."""

    name = "warn"

    def __init__(self, site: Site) -> None:
        self._next_id, self._zones = 1, PutZones(site)
        self._open: dict[str, int] = {}  # what lasts (sensor X, zone Y) -> its alert
        self._watch, self._incidents = Watch.of(site), Incidents()
        self._lookout = Lookout(site)
        self._book = Book(site.desk)
        self.has_rules = bool(site.rules)

    def step(self, events: Sequence[Event]) -> list[Event]:
        """Alerts raised and cleared by these events (``seq`` 0: the pipeline numbers them)."""
        out: list[Event] = []
        for event in events:
            if isinstance(event, NodeStarted):
                out += self._unread(event)
            elif isinstance(event, SensorDown | SensorDegraded):
                out += self._fail(event)
            elif isinstance(event, SensorUp):
                out += self._clear(f"sensor {event.sensor}", event.t_event_ns, event.cause)
            if isinstance(event, SensorDown | SensorDegraded | SensorUp):
                out += self._look_out(event)
        return out

    def watch(self, tracks: TrackSnapshot) -> list[Event]:
        """Alerts by the rules, of the picture at a whole second. Every second has to be shown, once."""
        hits, lingering = self._watch.step(tracks)
        change = self._incidents.step(hits, lingering, tracks, self._next_id)
        self._next_id += len(change.begun)
        out: list[Event] = []
        for incident in change.begun:
            out += self._book.open(_alert_of(incident), incident.why)
        for incident in change.raised_higher:
            out += self._book.become_higher(_alert_of(incident), tracks.t_ns)
        for incident in change.ended:
            out += self._book.clear(incident.alert_id, tracks.t_ns, "no track satisfies a rule any more")
        for incident in self._incidents.live.values():
            self._book.tell(_alert_of(incident))
        return out

    def set_back(self, t_ns: int, by_ns: int, cause: str) -> list[Event]:
        """The clock was set back, and tracks begin anew: their alerts end, and are raised again where a rule holds."""
        self._book.set_back(t_ns, by_ns)
        out: list[Event] = []
        for incident in self._incidents.live.values():
            out += self._book.clear(incident.alert_id, t_ns, cause)
        self._incidents = Incidents()
        self._watch.load([])
        alert = Alert(id=0, priority="medium", title=f"Tracks begin anew: {cause}", raised_ns=t_ns, why=cause)
        return [*out, *self._raise("clock", alert, cause), *self._clear("clock", t_ns, "tracks have begun anew")]

    def pass_time(self, t_ns: int) -> list[Event]:
        """What comes with time alone: shelves end, and what nobody looks at becomes louder."""
        self._book.history.begin(t_ns)
        return self._book.pass_time(t_ns)

    def act(self, actions: Sequence[OperatorAction], t_ns: int) -> list[Event]:
        """What people did, in their order."""
        out: list[Event] = []
        for action in actions:
            if action.what in ACTS:
                out += self._act_on_zones(action, t_ns)
            else:
                out += self._book.act([action], t_ns)
        return out

    def _act_on_zones(self, action: OperatorAction, t_ns: int) -> list[Event]:
        before = self.site
        events = self._zones.act(action, t_ns)
        if self.site is before:
            return events
        self._watch.change(self.site)
        lost, found = self._lookout.change(self.site)
        return [*events, *self._cover(lost, found, t_ns, f"{action.user} changed the zones")]

    def recall(self, actions: Iterable[OperatorAction]) -> None:
        """Zones that people put before this desk began, out of everything that they did."""
        self._zones.recall(actions)
        self._see_zones()

    def _see_zones(self) -> None:
        self._watch.change(self.site)
        self._lookout.change(self.site)

    @property
    def site(self) -> Site:
        """With the zones that were put over the API; the same object as long as none changes."""
        return self._zones.site

    def _unread(self, event: NodeStarted) -> list[Event]:
        """An alert for each file of zones that are not watched as they should be, for as long as the node runs."""
        out: list[Event] = []
        for file in self.site.zone_files:
            if file.lost:
                why = "; ".join(file.lost)
                title = f"Zones of {file.id} are not watched: {file.lost[0]}"
                alert = Alert(id=0, priority="medium", title=title, raised_ns=event.t_event_ns, why=why)
                out += self._raise(f"zone file {file.id}", alert, why)
        return out

    def _fail(self, event: SensorDown | SensorDegraded) -> list[Event]:
        word = "down" if isinstance(event, SensorDown) else "degraded"
        what, t_ns = f"sensor {event.sensor}", event.t_event_ns
        title = f"{event.sensor} {word}: {event.cause}"
        alert = Alert(id=0, priority="low", title=title, raised_ns=t_ns, sensor=event.sensor)
        return [*self._clear(what, t_ns, event.cause), *self._raise(what, alert, event.cause)]

    def _look_out(self, event: SensorDown | SensorDegraded | SensorUp) -> list[Event]:
        """Zones of which the last sensor went down, or the first came back."""
        lost, found = self._lookout.hear(event.sensor, is_down=isinstance(event, SensorDown))
        return self._cover(lost, found, event.t_event_ns, f"{event.sensor} is back")

    def _cover(self, lost: list[Watched], found: list[Watched], t_ns: int, why: str) -> list[Event]:
        """What is lost and found, by the sensors; of whom some zones were taken away only, the alert goes on."""
        before, out = dict(found), list[Event]()
        fewer = {sensors for sensors, zones in lost if set(zones) <= set(before.get(sensors, ()))}
        for sensors in before:
            if sensors not in fewer:
                out += self._clear(f"zones of {', '.join(sensors)}", t_ns, why)
        for sensors, zones in lost:
            cause = f"all sensors that reach there are down: {', '.join(sensors)}"
            names = ", ".join(zones[:3]) + (f" and {len(zones) - 3} more" if len(zones) > 3 else "")
            title = f"{names} {'is' if len(zones) == 1 else 'are'} not watched: {cause}"
            alert = Alert(id=0, priority="medium", title=title, raised_ns=t_ns, unwatched=names, zones=zones)
            what = f"zones of {', '.join(sensors)}"
            if sensors in fewer and what in self._open:
                self._book.tell(msgspec.structs.replace(alert, id=self._open[what]))
            else:
                out += self._raise(what, alert, cause)
        return out

    def _raise(self, what: str, alert: Alert, cause: str) -> list[Event]:
        alert = msgspec.structs.replace(alert, id=self._next_id)
        self._next_id += 1
        self._open[what] = alert.id
        return self._book.open(alert, cause)

    def _clear(self, what: str, t_ns: int, cause: str) -> list[Event]:
        alert_id = self._open.pop(what, None)
        return [] if alert_id is None else self._book.clear(alert_id, t_ns, cause)

    def alerts(self) -> tuple[Alert, ...]:
        return self._book.alerts()

    def status(self) -> DeskStatus:
        return self._book.status()

    def figures(self, t_ns: int) -> Figures:
        return self._book.history.figures(t_ns)

    def dump(self) -> bytes:
        saved = _Saved(
            self._zones.dump(), self._next_id, self._open, self._watch.dump(), self._incidents.dump(),
            self._book.dump(), self._lookout.dump(),
        )  # fmt: skip
        return msgspec.msgpack.encode(saved)

    def load(self, saved: bytes) -> None:
        state = msgspec.msgpack.decode(saved, type=_Saved)
        self._zones.load(state.zones)
        self._see_zones()
        self._next_id, self._open = state.next_id, state.open
        self._watch.load(state.watch)
        self._incidents.load(state.incidents)
        self._book.load(state.book)
        self._lookout.load(state.down)


def _alert_of(incident: Incident) -> Alert:
    tracks = _on(incident)
    return Alert(
        id=incident.alert_id, priority=incident.priority, title=incident.title, raised_ns=incident.raised_ns,
        track_id=min(tracks, default=None), why=incident.why, checks=incident.checks, rule=incident.rule,
        zones=(incident.zone,) if incident.zone else (), track_ids=tracks,
    )  # fmt: skip


def _on(incident: Incident) -> tuple[int, ...]:
    return tuple(sorted(track_id for track_id, member in incident.members.items() if member.is_on))
