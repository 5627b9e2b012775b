"""Events → occurrences: what outputs tell, with everything in it that they need. Deterministic; no clock, no I/O.

After a restart the events that the recording replays are taken again: what the outbox knows already is left out, what
it had not got yet is told. An alert that was told and that the restored pipeline does not know (its last second was
not recorded) waits for its situation to be found again; where that does not happen it is told as cleared.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from lowsky.constants import SECOND_NS
from lowsky.engine.pipeline import Pipeline
from lowsky.engine.subjects import subjects_of
from lowsky.model.events import (
    AlertAcknowledged,
    AlertCleared,
    AlertEscalated,
    AlertRaised,
    AlertRaisedHigher,
    AlertShelved,
    AlertUnshelved,
    Event,
)
from lowsky.model.occurrence import MOST_PUT_ZONES, MOST_SUBJECTS, Occurrence, Reference
from lowsky.model.site import Site
from lowsky.model.status import Alert
from lowsky.model.track import TrackSnapshot
from lowsky.model.zone import PRIORITIES, Zone, is_over_api

CHANGE_OF: dict[type[Event], str] = {
    AlertRaised: "raised",
    AlertRaisedHigher: "raised-higher",
    AlertCleared: "cleared",
    AlertAcknowledged: "acknowledged",
    AlertShelved: "shelved",
    AlertUnshelved: "unshelved",
    AlertEscalated: "escalated",
}
"""Every event that is told, and the word for it."""

FOUND_AGAIN_NS = 60 * SECOND_NS
MOST_KNOWN = 2_000  # alerts that are over, of which the earlier occurrences are still known
MOST_REFERENCES = 100


@dataclass(slots=True)
class _Orphan:
    """Told as open, and not known to the restored pipeline."""

    last: Occurrence
    until_ns: int


class Teller:
    """Numbers occurrences. ``known`` are those of earlier runs, oldest first, ``last_number`` the last given out."""

    def __init__(self, site: Site, series: str, last_number: int, known: Iterable[Occurrence] = ()) -> None:
        self._site, self._series, self._number = site, series, last_number
        self._with_operators = any(output.operator_positions for output in site.outputs)
        self._last: dict[int, Occurrence] = {}  # of each alert, by its number on the page
        self._told: dict[tuple[int, str, int], None] = {}  # alert, change, time
        self._orphans: list[_Orphan] = []
        self._put: dict[str, Zone] = {}  # zones that came over the API, now
        for occurrence in known:
            if occurrence.series == series:
                self._remember(occurrence)

    def take(self, events: Sequence[Event], pipeline: Pipeline) -> list[Occurrence]:
        """What these events of a step are to the outside."""
        told = [event for event in events if type(event) in CHANGE_OF]
        t_ns = pipeline.t_ns or 0
        late = [orphan for orphan in self._orphans if orphan.until_ns <= t_ns] if self._orphans else []
        if not told and not late:
            return []
        out: list[Occurrence] = []
        alerts = {alert.id: alert for alert in pipeline.alerts}
        tracks = pipeline.snapshot(t_ns) if told else None
        self._put = {zone.id: zone for zone in pipeline.site.zones if is_over_api(zone.id)} if told else {}
        for event in told:
            occurrence = self._of(event, alerts, tracks)
            if occurrence is not None:
                out.append(occurrence)
        for orphan in late:
            self._orphans.remove(orphan)
            out.append(self._cleared(orphan.last, t_ns, "not found again after a restart"))
        return out

    def settle(self, pipeline: Pipeline) -> list[Occurrence]:
        """After the recording was replayed: alerts that were told and are not known any more wait to be found, and
        those that are known and were not told are told."""
        t_ns, alerts = pipeline.t_ns or 0, pipeline.alerts
        alerts = tuple(alert for alert in alerts if alert.cleared_ns is None)  # the others are over, seen or not
        known = {alert.id for alert in alerts}
        for alert_id, told in list(self._last.items()):
            if told.is_open and alert_id not in known:
                self._lose(alert_id, max(t_ns, told.t_ns))
        out = []
        self._put = {zone.id: zone for zone in pipeline.site.zones if is_over_api(zone.id)}
        for alert in alerts:
            last = self._last.get(alert.id)
            if last is None or not last.is_open:
                cause = "open when the node started"
                event = AlertRaised(
                    seq=0, t_event_ns=t_ns, cause=cause, alert_id=alert.id, priority=alert.priority, title=alert.title,
                    sensor=alert.sensor, track_id=alert.track_id,
                )  # fmt: skip
                raised = self._of(event, {alert.id: alert}, pipeline.snapshot(t_ns))
                out += [] if raised is None else [raised]
        return out

    def _lose(self, alert_id: int, t_ns: int) -> None:
        self._orphans.append(_Orphan(self._last.pop(alert_id), t_ns + FOUND_AGAIN_NS))

    def _of(self, event: Any, alerts: dict[int, Alert], tracks: TrackSnapshot | None) -> Occurrence | None:
        change, alert_id, t_ns = CHANGE_OF[type(event)], event.alert_id, event.t_event_ns
        if (alert_id, change, t_ns) in self._told:
            return None
        alert, last = alerts.get(alert_id), self._last.get(alert_id)
        if change == "raised":
            if last is not None and last.is_open:  # a pipeline that was not restored gives out the same numbers
                self._lose(alert_id, t_ns)
            last = self._found_again(alert, event)
            if last is not None and PRIORITIES.index(last.priority) <= PRIORITIES.index(event.priority):
                self._last[alert_id] = msgspec.structs.replace(last, alert_id=alert_id)
                return None
            change = change if last is None else "raised-higher"
        elif last is None:  # nobody who is still remembered was told that it was raised
            if alert is None:
                return None
            change = "raised"
        elif not last.is_open:  # seen after it was over: the outside was told that it is over
            return None
        return self._made(event, change, alert, last, tracks)

    def _made(
        self, event: Any, change: str, alert: Alert | None, last: Occurrence | None, tracks: TrackSnapshot | None
    ) -> Occurrence:
        values: dict[str, Any] = {
            "change": change, "t_ns": event.t_event_ns, "cause": event.cause, "by": getattr(event, "user", None),
            "until_ns": getattr(event, "until_ns", None), "escalation": getattr(event, "level", 0),
        }  # fmt: skip
        if alert is not None:
            ids = alert.track_ids or (() if alert.track_id is None else (alert.track_id,))
            first = () if alert.track_id is None else (alert.track_id,)
            wanted = tuple(dict.fromkeys((*first, *ids)))[:MOST_SUBJECTS]
            subjects = [] if tracks is None else subjects_of(tracks, wanted, self._site, self._with_operators)
            earlier = () if last is None else last.zones
            zones = tuple(zone for zone in earlier if zone not in alert.zones) + alert.zones
            known = {zone.id: zone for zone in (() if last is None else last.put_zones)} | self._put
            put = tuple(_place(known[name]) for name in zones if name in known)[-MOST_PUT_ZONES:]
            values |= {
                "priority": alert.priority, "title": alert.title, "why": alert.why, "checks": alert.checks,
                "rule": alert.rule, "zones": zones, "put_zones": put, "sensor": alert.sensor, "count": len(ids),
                "raised_ns": alert.raised_ns if last is None else last.raised_ns,
            } | ({"subjects": tuple(subjects)} if subjects or last is None else {})  # fmt: skip
        elif last is None:  # raised and over within one step
            values |= {"priority": event.priority, "title": event.title, "raised_ns": event.t_event_ns,
                       "sensor": getattr(event, "sensor", None)}  # fmt: skip
        return self._numbered(values, event.alert_id, last)

    def _cleared(self, last: Occurrence, t_ns: int, cause: str) -> Occurrence:
        values = {"change": "cleared", "t_ns": t_ns, "cause": cause, "by": None, "until_ns": None}
        return self._numbered(values, last.alert_id, last)

    def _numbered(self, values: dict[str, Any], alert_id: int, last: Occurrence | None) -> Occurrence:
        self._number += 1
        own: dict[str, Any] = {
            "series": self._series, "number": self._number, "site": self._site.name, "alert_id": alert_id,
            "is_exercise": self._site.exercise,
        }  # fmt: skip
        if last is None:
            occurrence = Occurrence(**values, **own)
        else:
            before = Reference(
                number=last.number, t_ns=last.t_ns, change=last.change, priority=last.priority, zones=last.zones
            )
            references = (*last.references, before)
            if len(references) > MOST_REFERENCES:  # the first is the alert's name
                references = (references[0], *references[-MOST_REFERENCES + 1 :])
            occurrence = msgspec.structs.replace(last, **values, **own, references=references)
        self._remember(occurrence)
        return occurrence

    def _remember(self, occurrence: Occurrence) -> None:
        was = self._last.pop(occurrence.alert_id, None)
        is_of_another = was is not None and was.is_open and was.key != occurrence.key  # an orphan with the same number
        ends = was if was is not None and is_of_another and not occurrence.is_open else occurrence
        self._last[occurrence.alert_id] = ends  # the newest is the last
        self._told[occurrence.alert_id, occurrence.change, occurrence.t_ns] = None
        while len(self._told) > 4 * MOST_KNOWN:
            del self._told[next(iter(self._told))]
        if len(self._last) > MOST_KNOWN:
            over = next((k for k, last in self._last.items() if not last.is_open), None)
            if over is not None:
                del self._last[over]

    def _found_again(self, alert: Alert | None, event: Any) -> Occurrence | None:
        """The last occurrence of the alert that this one was before the restart; None where there is none."""
        for orphan in self._orphans:
            last = orphan.last
            if last.sensor is not None or event.sensor is not None:
                is_it = last.sensor == event.sensor
            else:
                shared = {subject.track_id for subject in last.subjects} & set(alert.track_ids if alert else ())
                is_it = bool(shared) or (alert is not None and alert.rule == last.rule and alert.zones == last.zones)
            if is_it:
                self._orphans.remove(orphan)
                return last
        return None


def _place(zone: Zone) -> Zone:
    """Only where it is: JSON, in which occurrences are kept, has no number for heights without a limit."""
    return Zone(id=zone.id, shape=zone.shape, corners=zone.corners, holes=zone.holes, reach_m=zone.reach_m)
