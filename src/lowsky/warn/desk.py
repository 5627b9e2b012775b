"""The alert desk, first version: a sensor that fails is an alert (low) until it speaks again.

Zones, rules and the life of an alert (acknowledge, shelve, escalate) come with classification; the seam is
this class: events in, alerts out, nothing else.
"""

from collections.abc import Sequence

import msgspec

from lowsky.model.events import AlertCleared, AlertRaised, Event, SensorDegraded, SensorDown, SensorUp
from lowsky.model.status import Alert


class _Saved(msgspec.Struct):
    next_id: int
    open: list[Alert]


class Desk:
    """Open alerts, newest first. Deterministic; ``dump`` and ``load`` are exact."""

    name = "warn"

    def __init__(self) -> None:
        self._next_id = 1
        self._open: dict[str, Alert] = {}  # sensor id -> its alert

    def step(self, events: Sequence[Event]) -> list[Event]:
        """Alerts raised and cleared by these events (``seq`` 0: the pipeline numbers them)."""
        out: list[Event] = []
        for event in events:
            if isinstance(event, SensorDown | SensorDegraded):
                out += self._raise(event)
            elif isinstance(event, SensorUp):
                out += self._clear(event)
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
        return tuple(sorted(self._open.values(), key=lambda alert: -alert.id))

    def dump(self) -> bytes:
        return msgspec.msgpack.encode(_Saved(self._next_id, list(self._open.values())))

    def load(self, saved: bytes) -> None:
        state = msgspec.msgpack.decode(saved, type=_Saved)
        self._next_id = state.next_id
        self._open = {alert.sensor: alert for alert in state.open if alert.sensor is not None}
