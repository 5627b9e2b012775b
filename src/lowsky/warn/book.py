"""The life of alerts: new, acknowledged, shelved, escalated, cleared. What people do comes in as recorded actions.

What is over and was acknowledged leaves the book; what is over and was not stays until somebody does. Nothing leaves
silently: each change is an event. Deterministic; time is the time of the stream.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from lowsky.constants import SECOND_NS
from lowsky.model.desk import DeskSettings
from lowsky.model.events import (
    ActionRefused,
    AlertAcknowledged,
    AlertCleared,
    AlertClosed,
    AlertEscalated,
    AlertNoted,
    AlertRaised,
    AlertRaisedHigher,
    AlertShelved,
    AlertUnshelved,
    Event,
    FloodBegan,
    FloodEnded,
)
from lowsky.model.ports import OperatorAction
from lowsky.model.status import Alert, DeskStatus, Note
from lowsky.model.zone import PRIORITIES
from lowsky.warn.figures import FLOOD_ALERTS, FLOOD_OVER, WINDOW_NS, History

SHELF_LIMIT_S = 8 * 3600
MOST_NOTES = 20  # of one alert; the oldest go
MOST_KEYS = 512  # of actions, that are known again
MOST_OPEN = 5_000  # alerts in the book; beyond it what is over, oldest and least urgent first, leaves
SAME_MOMENT_NS = SECOND_NS  # a page knows when an alert was raised to the millisecond


class Shelf(msgspec.Struct, frozen=True):
    """A source that keeps coming back (a sensor) is shelved with its alert. Objects never are: each is another."""

    until_ns: int
    user: str
    seat: str
    reason: str


class _Saved(msgspec.Struct):
    alerts: list[Alert]
    shelves: dict[str, Shelf]
    keys: list[str]
    raised_ns: list[int]
    flood_since_ns: int | None
    flood_alerts: int
    history: Any


@dataclass(frozen=True, slots=True)
class _Refusal:
    why: str
    cause: str


class Book:
    """Every alert that still is somebody's business."""

    def __init__(self, settings: DeskSettings) -> None:
        self._settings = settings
        self._alerts: dict[int, Alert] = {}
        self._shelves: dict[str, Shelf] = {}
        self._keys: deque[str] = deque(maxlen=MOST_KEYS)
        self._raised_ns: deque[int] = deque()  # of the last ten minutes
        self._flood_since_ns: int | None = None
        self._flood_alerts = 0
        self.history = History()
        self._shown: tuple[Alert, ...] | None = None

    # -- what happens ------------------------------------------------------------------------------------------

    def open(self, alert: Alert, cause: str) -> list[Event]:
        """A situation begins. One that its own source had before, and nobody acknowledged, goes on as this one."""
        t_ns = alert.raised_ns
        before = self._unseen_of(alert)
        if before is not None:
            alert = msgspec.structs.replace(alert, times=before.times + 1)
            del self._alerts[before.id]
        shelf = self._shelf_of(alert, t_ns)
        alert = msgspec.structs.replace(alert, waits_ns=t_ns)
        events: list[Event] = [
            AlertRaised(
                seq=0, t_event_ns=t_ns, cause=cause, alert_id=alert.id, priority=alert.priority, title=alert.title,
                sensor=alert.sensor, track_id=alert.track_id, instead_of=None if before is None else before.id,
            )
        ]  # fmt: skip
        self.history.raised(alert)
        if shelf is not None:
            alert = _shelved(alert, shelf)
            events.append(
                AlertShelved(
                    seq=0, t_event_ns=t_ns, cause=shelf.reason, alert_id=alert.id, user=shelf.user, seat=shelf.seat,
                    until_ns=shelf.until_ns,
                )
            )  # fmt: skip
        self._put(alert)
        return events + self._count(t_ns) + self._bound(t_ns)

    def _unseen_of(self, alert: Alert) -> Alert | None:
        """The same sensor's or zone's alert that is over and was not acknowledged."""
        if alert.sensor is None and alert.unwatched is None:
            return None
        mine = (a for a in self._alerts.values() if a.cleared_ns is not None and a.source == alert.source)
        return next(mine, None)

    def _shelf_of(self, alert: Alert, t_ns: int) -> Shelf | None:
        shelf = self._shelves.get(alert.source) if alert.rule is None else None
        return shelf if shelf is not None and shelf.until_ns > t_ns else None

    def _count(self, t_ns: int) -> list[Event]:
        """One more; is it a flood?"""
        self._raised_ns.append(t_ns)
        self._forget(t_ns)
        if self._flood_since_ns is not None:
            self._flood_alerts += 1
            return []
        if len(self._raised_ns) < FLOOD_ALERTS:
            return []
        self._flood_since_ns, self._flood_alerts = t_ns, len(self._raised_ns)
        self.history.flood_began(t_ns)
        cause = f"{len(self._raised_ns)} alerts within ten minutes: low ones are shown as one row"
        return [FloodBegan(seq=0, t_event_ns=t_ns, cause=cause, alerts=len(self._raised_ns))]

    def _forget(self, t_ns: int) -> None:
        while self._raised_ns and self._raised_ns[0] <= t_ns - WINDOW_NS:
            self._raised_ns.popleft()
            self._shown = None

    def _bound(self, t_ns: int) -> list[Event]:
        """A book that nobody reads does not grow for ever."""
        if len(self._alerts) <= MOST_OPEN:
            return []
        over = [a for a in self._alerts.values() if a.cleared_ns is not None]
        if not over:
            return []
        goes = max(over, key=lambda a: (PRIORITIES.index(a.priority), -a.id))
        self._remove(goes.id)
        cause = f"more than {MOST_OPEN:,} alerts that nobody acknowledged"
        return [AlertClosed(seq=0, t_event_ns=t_ns, cause=cause, alert_id=goes.id)]

    def tell(self, alert: Alert) -> None:
        """The newest facts of an alert that is open: title, tracks, why."""
        known = self._alerts.get(alert.id)
        if known is None:
            return
        now = msgspec.structs.replace(
            known, title=alert.title, track_id=alert.track_id, why=alert.why, checks=alert.checks, rule=alert.rule,
            zones=alert.zones, track_ids=alert.track_ids,
        )  # fmt: skip
        if now != known:
            self._put(now)

    def become_higher(self, alert: Alert, t_ns: int) -> list[Event]:
        """More urgent: whoever acknowledged or shelved it did so with something else."""
        known = self._alerts.get(alert.id)
        if known is None:
            return []
        raised = AlertRaisedHigher(
            seq=0, t_event_ns=t_ns, cause=alert.why, alert_id=alert.id, priority=alert.priority, title=alert.title
        )
        events: list[Event] = [raised]
        if known.shelved_until_ns is not None:
            events.append(AlertUnshelved(seq=0, t_event_ns=t_ns, cause="it is more urgent now", alert_id=alert.id))
        self._put(msgspec.structs.replace(_as_new(known, t_ns), priority=alert.priority))
        self.history.raised_higher(alert.id, alert.priority)
        return events

    def clear(self, alert_id: int, t_ns: int, cause: str) -> list[Event]:
        """The situation is over."""
        known = self._alerts.get(alert_id)
        if known is None:
            return []
        self.history.cleared(alert_id, t_ns)
        if known.waits:
            self._put(msgspec.structs.replace(known, cleared_ns=t_ns))
        else:
            self._remove(alert_id)
        return [AlertCleared(seq=0, t_event_ns=t_ns, cause=cause, alert_id=alert_id)]

    def pass_time(self, t_ns: int) -> list[Event]:
        """Shelves end, and what nobody looks at becomes louder."""
        events: list[Event] = []
        for alert in list(self._alerts.values()):
            if alert.shelved_until_ns is not None:
                if alert.shelved_until_ns <= t_ns:
                    self._put(_as_new(alert, t_ns))
                    cause = "its time on the shelf is over"
                    events.append(AlertUnshelved(seq=0, t_event_ns=t_ns, cause=cause, alert_id=alert.id))
            elif alert.priority == "high" and alert.waits and alert.cleared_ns is None and alert.escalation < 2:
                events += self._escalate(alert, t_ns)
        for source in [s for s, shelf in self._shelves.items() if shelf.until_ns <= t_ns]:
            del self._shelves[source]
        self._forget(t_ns)
        if self._flood_since_ns is not None and len(self._raised_ns) < FLOOD_OVER:
            cause = f"{len(self._raised_ns)} alerts within ten minutes"
            events.append(FloodEnded(seq=0, t_event_ns=t_ns, cause=cause, alerts=self._flood_alerts))
            self.history.flood_ended(t_ns)
            self._flood_since_ns, self._flood_alerts = None, 0
        return events

    def set_back(self, t_ns: int, by_ns: int) -> None:
        """The clock was set back: what lasts until some time, or since, lasts as long as it would have."""
        for alert in list(self._alerts.values()):
            until_ns = alert.shelved_until_ns
            until_ns = None if until_ns is None else until_ns - by_ns
            self._put(msgspec.structs.replace(alert, waits_ns=alert.waits_ns - by_ns, shelved_until_ns=until_ns))
        self._shelves = {
            source: msgspec.structs.replace(shelf, until_ns=shelf.until_ns - by_ns)
            for source, shelf in self._shelves.items()
        }
        self._raised_ns = deque(raised_ns - by_ns for raised_ns in self._raised_ns)
        self.history.set_back(t_ns)

    def _escalate(self, alert: Alert, t_ns: int) -> list[Event]:
        settings, waited_s = self._settings, (t_ns - alert.waits_ns) / SECOND_NS
        level = 2 if waited_s >= settings.second_after_s else 1 if waited_s >= settings.louder_after_s else 0
        if level <= alert.escalation:
            return []
        self._put(msgspec.structs.replace(alert, escalation=level))
        recipient = settings.second_recipient if level == 2 else ""
        cause = f"nobody acknowledged it for {waited_s:.0f} s" + (f": {recipient} is told" if recipient else "")
        return [
            AlertEscalated(
                seq=0, t_event_ns=t_ns, cause=cause, alert_id=alert.id, level=level, priority=alert.priority,
                title=alert.title, recipient=recipient,
            )
        ]  # fmt: skip

    # -- what people do ----------------------------------------------------------------------------------------

    def act(self, actions: Sequence[OperatorAction], t_ns: int) -> list[Event]:
        """In order. What was asked for before, or is so already, changes nothing and is no fault."""
        events: list[Event] = []
        for action in actions:
            if action.key in self._keys:
                continue
            done = self._do(action, t_ns)
            if isinstance(done, _Refusal):
                events.append(
                    ActionRefused(
                        seq=0, t_event_ns=t_ns, cause=done.cause, key=action.key, alert_id=action.alert_id, why=done.why
                    )
                )
                continue
            self._keys.append(action.key)
            events += done
        return events

    def _do(self, action: OperatorAction, t_ns: int) -> list[Event] | _Refusal:
        alert = self._alerts.get(action.alert_id)
        if alert is None:
            return _Refusal("unknown", f"no alert {action.alert_id} is open: it is over, or there never was one")
        if action.raised_ns is not None and abs(action.raised_ns - alert.raised_ns) > SAME_MOMENT_NS:
            return _Refusal("stale", f"alert {action.alert_id} is another one now; look again")
        doing = {
            "acknowledge": self._acknowledge, "shelve": self._shelve, "unshelve": self._unshelve, "note": self._note,
        }.get(action.what)  # fmt: skip
        if doing is None:
            return _Refusal("impossible", f"nobody knows how to {action.what} an alert")
        return doing(alert, action, t_ns)

    def _acknowledge(self, alert: Alert, action: OperatorAction, t_ns: int) -> list[Event]:
        if alert.acknowledged_ns is not None:
            return []  # who was first stands
        cause = action.text or "seen"
        event = AlertAcknowledged(
            seq=0, t_event_ns=t_ns, cause=cause, alert_id=alert.id, user=action.user, seat=action.seat
        )
        self.history.acknowledged(alert.id, t_ns)
        if alert.cleared_ns is not None:
            self._remove(alert.id)
            return [event]
        if action.text:
            alert = _noted(alert, action, t_ns)
        self._put(
            msgspec.structs.replace(
                alert, acknowledged_ns=t_ns, acknowledged_by=action.user, acknowledged_seat=action.seat, escalation=0
            )
        )
        return [event]

    def _shelve(self, alert: Alert, action: OperatorAction, t_ns: int) -> list[Event] | _Refusal:
        if alert.cleared_ns is not None:
            return _Refusal("impossible", f"alert {alert.id} is over: acknowledge it")
        if not action.text or not 0 < action.limit_s <= SHELF_LIMIT_S:
            return _Refusal("impossible", "shelving needs a reason and a limit of at most 8 hours")
        shelf = Shelf(t_ns + action.limit_s * SECOND_NS, action.user, action.seat, action.text)
        if alert.rule is None:
            self._shelves[alert.source] = shelf
        self.history.acknowledged(alert.id, t_ns)  # somebody has dealt with it
        self._put(_shelved(alert, shelf))
        return [
            AlertShelved(
                seq=0, t_event_ns=t_ns, cause=action.text, alert_id=alert.id, user=action.user, seat=action.seat,
                until_ns=shelf.until_ns,
            )
        ]  # fmt: skip

    def _unshelve(self, alert: Alert, action: OperatorAction, t_ns: int) -> list[Event]:
        self._shelves.pop(alert.source, None)
        if alert.shelved_until_ns is None:
            return []
        self._put(
            _off_the_shelf(alert)
            if alert.acknowledged_ns is not None
            else _as_new(alert, t_ns)  # nobody has acknowledged it yet
        )
        cause = action.text or "taken off the shelf"
        return [
            AlertUnshelved(
                seq=0, t_event_ns=t_ns, cause=cause, alert_id=alert.id, user=action.user, seat=action.seat
            )
        ]  # fmt: skip

    def _note(self, alert: Alert, action: OperatorAction, t_ns: int) -> list[Event] | _Refusal:
        if not action.text:
            return _Refusal("impossible", "a note without a text")
        self._put(_noted(alert, action, t_ns))
        return [
            AlertNoted(
                seq=0, t_event_ns=t_ns, cause=action.text, alert_id=alert.id, user=action.user, seat=action.seat
            )
        ]  # fmt: skip

    # -- what it says ------------------------------------------------------------------------------------------

    def alerts(self) -> tuple[Alert, ...]:
        """Newest first; the same tuple as long as nothing changes."""
        if self._shown is None:
            self._shown = tuple(sorted(self._alerts.values(), key=lambda alert: -alert.id))
        return self._shown

    def status(self) -> DeskStatus:
        return DeskStatus(
            flood_since_ns=self._flood_since_ns, flood_alerts=self._flood_alerts, recent=len(self._raised_ns)
        )

    def _put(self, alert: Alert) -> None:
        self._alerts[alert.id] = alert
        self._shown = None

    def _remove(self, alert_id: int) -> None:
        del self._alerts[alert_id]
        self._shown = None

    def dump(self) -> Any:
        saved = _Saved(
            list(self._alerts.values()), self._shelves, list(self._keys), list(self._raised_ns), self._flood_since_ns,
            self._flood_alerts, self.history.dump(),
        )  # fmt: skip
        return msgspec.to_builtins(saved)

    def load(self, saved: Any) -> None:
        state = msgspec.convert(saved, _Saved)
        self._alerts = {alert.id: alert for alert in state.alerts}
        self._shelves = state.shelves
        self._keys = deque(state.keys, maxlen=MOST_KEYS)
        self._raised_ns = deque(state.raised_ns)
        self._flood_since_ns, self._flood_alerts = state.flood_since_ns, state.flood_alerts
        self.history.load(state.history)
        self._shown = None


def _off_the_shelf(alert: Alert) -> Alert:
    return msgspec.structs.replace(alert, shelved_until_ns=None, shelved_by="", shelf_reason="")


def _as_new(alert: Alert, t_ns: int) -> Alert:
    """It has to be looked at (again)."""
    return msgspec.structs.replace(
        _off_the_shelf(alert), acknowledged_ns=None, acknowledged_by="", acknowledged_seat="", escalation=0,
        waits_ns=t_ns,
    )  # fmt: skip


def _shelved(alert: Alert, shelf: Shelf) -> Alert:
    return msgspec.structs.replace(
        alert, shelved_until_ns=shelf.until_ns, shelved_by=shelf.user, shelf_reason=shelf.reason, escalation=0
    )


def _noted(alert: Alert, action: OperatorAction, t_ns: int) -> Alert:
    note = Note(t_ns=t_ns, user=action.user, seat=action.seat, text=action.text)
    return msgspec.structs.replace(alert, notes=(*alert.notes, note)[-MOST_NOTES:])
