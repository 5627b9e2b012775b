"""How the alert desk itself does: rate, floods, priorities, time to acknowledge, stale alerts, top sources.

Measures and aims: ISA-18.2 / IEC 62682 / EEMUA 191 family, as docs/operator-ui has them. Pure: a log in, figures out.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from lowsky.constants import SECOND_NS
from lowsky.model.status import Alert
from lowsky.model.zone import PRIORITIES

WINDOW_NS = 600 * SECOND_NS  # ten minutes, in which alerts are counted
FLOOD_ALERTS = 10  # so many in ten minutes are a flood …
FLOOD_OVER = 5  # … which is over below so many
DAY_NS = 86_400 * SECOND_NS
STALE_NS = DAY_NS
MOST_ENTRIES = 5_000  # remembered alerts: 35 in each ten minutes of a day; the oldest go
FRESH_NS = 10 * SECOND_NS  # figures are made anew so often
TOP = 10

AIM_PER_WINDOW = 1.0
AIM_FLOOD_SHARE = 0.01
AIM_SHARES = {"high": 0.05, "medium": 0.15, "low": 0.80}
AIM_STALE = 5
AIM_TOP_SHARE = 0.05


class Entry(msgspec.Struct, array_like=True):
    """One alert of the log."""

    alert_id: int
    t_ns: int
    priority: str
    source: str
    acknowledged_ns: int | None = None
    cleared_ns: int | None = None


class Flood(msgspec.Struct, array_like=True):
    begun_ns: int
    ended_ns: int | None = None


class _Saved(msgspec.Struct):
    begun_ns: int | None
    entries: list[Entry]
    floods: list[Flood]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of the last day, or as long as there is something to count. None: nothing to say it of."""

    t_ns: int
    window_s: float  # of which they are
    alerts: int
    per_ten_minutes: float | None
    most_in_ten_minutes: int
    floods: int
    flood_share: float | None  # of the time
    priority_share: dict[str, float]
    acknowledged: int
    acknowledge_median_s: float | None
    acknowledge_p95_s: float | None
    stale: int  # open for more than a day
    top_sources: tuple[tuple[str, int, float], ...]  # source, alerts, share of all


class History:
    """The log of one desk. Its state is saved with it."""

    def __init__(self) -> None:
        self.begun_ns: int | None = None  # of the log
        self._entries: dict[int, Entry] = {}
        self._floods: list[Flood] = []
        self._made: Figures | None = None

    def begin(self, t_ns: int) -> None:
        """The desk is manned from here on."""
        if self.begun_ns is None:
            self.begun_ns = t_ns

    def raised(self, alert: Alert) -> None:
        self._entries[alert.id] = Entry(alert.id, alert.raised_ns, alert.priority, alert.source)
        while len(self._entries) > MOST_ENTRIES:
            del self._entries[next(iter(self._entries))]
            self.begun_ns = next(iter(self._entries.values())).t_ns  # nothing is known of before

    def raised_higher(self, alert_id: int, priority: str) -> None:
        if entry := self._entries.get(alert_id):
            entry.priority = priority

    def acknowledged(self, alert_id: int, t_ns: int) -> None:
        """By whoever dealt with it first."""
        entry = self._entries.get(alert_id)
        if entry is not None and entry.acknowledged_ns is None:
            entry.acknowledged_ns = t_ns

    def cleared(self, alert_id: int, t_ns: int) -> None:
        if entry := self._entries.get(alert_id):
            entry.cleared_ns = t_ns

    def flood_began(self, t_ns: int) -> None:
        self._floods = [*self._floods[-999:], Flood(t_ns)]

    def flood_ended(self, t_ns: int) -> None:
        if self._floods and self._floods[-1].ended_ns is None:
            self._floods[-1].ended_ns = t_ns

    def figures(self, t_ns: int) -> Figures:
        """Not older than ten seconds."""
        if self._made is None or not 0 <= t_ns - self._made.t_ns < FRESH_NS:
            begun_ns = t_ns if self.begun_ns is None else self.begun_ns
            self._made = figures(list(self._entries.values()), self._floods, max(begun_ns, t_ns - DAY_NS), t_ns)
        return self._made

    def set_back(self, t_ns: int) -> None:
        """The clock is behind what is in the log: that counts again when its time has come."""
        self.begun_ns = None if self.begun_ns is None else min(self.begun_ns, t_ns)

    def dump(self) -> Any:
        return msgspec.to_builtins(_Saved(self.begun_ns, list(self._entries.values()), self._floods))

    def load(self, saved: Any) -> None:
        state = msgspec.convert(saved, _Saved)
        self.begun_ns, self._floods = state.begun_ns, state.floods
        self._entries = {entry.alert_id: entry for entry in state.entries}


def figures(entries: Sequence[Entry], floods: Sequence[Flood], from_ns: int, t_ns: int) -> Figures:
    """Of what was raised from ``from_ns`` to ``t_ns``; stale is whatever is open too long."""
    own = sorted((e for e in entries if from_ns <= e.t_ns <= t_ns), key=lambda e: e.t_ns)
    span_ns = t_ns - from_ns
    waits_s = sorted((e.acknowledged_ns - e.t_ns) / SECOND_NS for e in own if e.acknowledged_ns is not None)
    sources = Counter(e.source for e in own)
    n = len(own)
    flooded_ns = sum(
        max(0, min(t_ns if f.ended_ns is None else f.ended_ns, t_ns) - max(f.begun_ns, from_ns)) for f in floods
    )
    top = sorted(sources.items(), key=lambda item: (-item[1], item[0]))[:TOP]
    return Figures(
        t_ns=t_ns,
        window_s=span_ns / SECOND_NS,
        alerts=n,
        per_ten_minutes=n * WINDOW_NS / span_ns if span_ns >= WINDOW_NS else None,
        most_in_ten_minutes=_most([e.t_ns for e in own]),
        floods=sum(f.ended_ns is None or f.ended_ns > from_ns for f in floods),
        flood_share=flooded_ns / span_ns if span_ns > 0 else None,
        priority_share={p: sum(e.priority == p for e in own) / n for p in PRIORITIES} if n else {},
        acknowledged=len(waits_s),
        acknowledge_median_s=_quantile(waits_s, 0.5),
        acknowledge_p95_s=_quantile(waits_s, 0.95),
        stale=sum(e.cleared_ns is None and t_ns - e.t_ns > STALE_NS for e in entries),
        top_sources=tuple((source, count, count / n) for source, count in top),
    )


def _most(times_ns: Sequence[int]) -> int:
    """The most within any ten minutes; times ascend."""
    most, first = 0, 0
    for last, t_ns in enumerate(times_ns):
        while times_ns[first] <= t_ns - WINDOW_NS:
            first += 1
        most = max(most, last - first + 1)
    return most


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """The least value that at least this share does not exceed."""
    if not ordered:
        return None
    rank = -int(-share * len(ordered) // 1)
    return ordered[max(0, min(len(ordered), rank) - 1)]
