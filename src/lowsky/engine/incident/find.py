"""Finds one alert in a recording: its history, and from which saved state to which tick its slice goes.

The whole recording up to there goes through the pipeline, so the alert has the number that people saw.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from lowsky.classify.why import Why
from lowsky.constants import SECOND_NS
from lowsky.engine.pipeline import Pipeline
from lowsky.errors import ConfigError, Fault
from lowsky.model.events import AlertCleared, AlertRaised, Event
from lowsky.model.ports import OperatorAction, Tick
from lowsky.model.site import Site
from lowsky.model.status import Alert
from lowsky.model.zone import PRIORITIES
from lowsky.record.reader import Recording
from lowsky.wire.shown import shown

LEAD_NS = 120 * SECOND_NS
"""A slice begins so long before its alert, or a little earlier: objects have been on the map for a while then."""
MARGIN_NS = 30 * SECOND_NS
"""… and ends so long after the alert's situation."""
MOST_NS = 3600 * SECOND_NS
"""A slice goes on for so long after the alert at most; that it was cut is said."""
MOST_ROWS = 200_000
"""… or until so many rows of tracks are in it: a report is made, and checked, in memory."""
SAVE_EVERY_NS = 30 * SECOND_NS
MOST_TOLD = 20
MOST_CLASSES = 20  # tracks of which it is told what their class rests on


@dataclass(slots=True)
class Found:
    """An alert and its slice: ticks [first, last) of the recording. ``alert``: as it was last. ``history``: its events,
    those behind the slice too; ``actions``: what people did with it."""

    alert: Alert
    raised_ns: int
    first: int
    state: bytes | None
    history: list[Event] = field(default_factory=list)
    actions: list[OperatorAction] = field(default_factory=list)
    fullest: Alert | None = None  # when it was most urgent, with the most tracks at once: its why says most
    cleared_ns: int | None = None
    from_ns: int = 0
    to_ns: int = 0
    last: int = 0
    is_open: bool = True  # the recording ends before its situation does
    is_cut: bool = False
    track_ids: set[int] = field(default_factory=set)
    classes: dict[int, Why] = field(default_factory=dict)  # of its tracks, at that moment
    rows: int = 0  # of tracks at whole seconds; before the alert as many each second as at the alert

    @property
    def end_ns(self) -> int:
        """No tick behind this moment belongs to the slice."""
        most = self.raised_ns + MOST_NS
        return most if self.cleared_ns is None else min(self.cleared_ns + MARGIN_NS, most)


class _Saves:
    """States of the pipeline of the last minutes."""

    def __init__(self) -> None:
        self._states: deque[tuple[int, int, bytes]] = deque(maxlen=LEAD_NS // SAVE_EVERY_NS + 2)
        self._first_ns: int | None = None

    def before(self, index: int, tick: Tick, pipeline: Pipeline) -> None:
        if self._first_ns is None:
            self._first_ns = tick.t_ns
        newest_ns = self._states[-1][1] if self._states else self._first_ns
        if tick.t_ns - newest_ns >= SAVE_EVERY_NS:
            self._states.append((index, tick.t_ns, pipeline.dump()))

    def for_alert(self, raised_ns: int) -> tuple[int, bytes | None]:
        """The first tick of its slice, and the state before it; None: the slice begins with the recording."""
        early = [state for state in self._states if state[1] <= raised_ns - LEAD_NS]
        return (early[-1][0], early[-1][2]) if early else (0, None)


def find(recording: Recording, site: Site, alert_id: int, note: Callable[[str], None]) -> Found:
    """Raises ``ConfigError`` with the alerts that there are where there is none of this number."""
    pipeline, saves = Pipeline(site), _Saves()
    known: dict[int, str] = {}
    found: Found | None = None
    index = -1
    for index, tick in enumerate(recording.ticks()):
        if found is None:
            saves.before(index, tick, pipeline)
        events = pipeline.step(tick)
        for event in events:
            if not isinstance(event, AlertRaised):
                continue
            known[event.alert_id] = event.title
            if event.alert_id == alert_id and found is None:
                first, state = saves.for_alert(event.t_event_ns)
                alert = next(a for a in pipeline.alerts if a.id == alert_id)
                found = Found(alert, event.t_event_ns, first, state, track_ids=set(alert.track_ids))
                _take_why(found, alert, pipeline)
        if found is not None:
            _follow(found, tick, events, pipeline)
            found.rows += _rows_of(tick, pipeline) * (1 if found.rows else 1 + LEAD_NS // SECOND_NS)
            if not found.last and (tick.t_ns > found.end_ns or found.rows > MOST_ROWS):
                found.last, found.is_cut = index + 1, found.cleared_ns is None
            if found.last and not any(a.id == alert_id for a in pipeline.alerts):
                break
        if index % 2_000 == 0:
            note(f"{index:,} ticks")
    if found is None:
        raise _unknown(recording, alert_id, known)
    found.last = found.last or index + 1
    found.is_open = found.cleared_ns is None
    return found


def _rows_of(tick: Tick, pipeline: Pipeline) -> int:
    is_whole = tick.batch is None and not tick.actions and tick.t_ns % SECOND_NS == 0
    return len(pipeline.snapshot(tick.t_ns)) if is_whole else 0


def _follow(found: Found, tick: Tick, events: list[Event], pipeline: Pipeline) -> None:
    """What this tick says of the alert."""
    alert_id = found.alert.id
    for event in events:
        is_its = getattr(event, "alert_id", None) == alert_id or getattr(event, "instead_of", None) == alert_id
        if is_its:
            found.history.append(event)
        if is_its and isinstance(event, AlertCleared):
            found.cleared_ns = event.t_event_ns
    found.actions += [action for action in tick.actions if action.alert_id == alert_id]
    now = next((alert for alert in pipeline.alerts if alert.id == alert_id), None)
    if now is None or now is found.alert:
        return
    found.alert = now
    found.track_ids.update(now.track_ids)
    before = found.fullest
    if before is None or (_urgency(now), len(now.track_ids)) > (_urgency(before), len(before.track_ids)):
        _take_why(found, now, pipeline)


def _urgency(alert: Alert) -> int:
    return -PRIORITIES.index(alert.priority)


def _take_why(found: Found, alert: Alert, pipeline: Pipeline) -> None:
    """Why it is told, and what its tracks are taken for, as it is now."""
    told = {number: pipeline.why(number) for number in alert.track_ids[:MOST_CLASSES]}
    found.fullest, found.classes = alert, {number: why for number, why in told.items() if why is not None}


def _unknown(recording: Recording, alert_id: int, known: dict[int, str]) -> ConfigError:
    names = [f"{number} ({shown(title, 60)})" for number, title in list(known.items())[:MOST_TOLD]]
    more = f" and {len(known) - MOST_TOLD:,} more" if len(known) > MOST_TOLD else ""
    there = f"one of {', '.join(names)}{more}" if known else "a recording with an alert in it"
    return ConfigError([Fault(f"{recording.path}", f"no alert {alert_id}", there)])
