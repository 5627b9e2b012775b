"""Late measurements put where they belong: the last half minute is kept, and run again from there when they come.

Two lines of ticks. The *live* one is shown. When a late batch comes, it takes its place in the log, and from the saved
state before it a second line, the *right* one, runs through the log again, some ticks at each tick that comes, so that
no tick waits long. Where it has caught up it becomes the live one. A line's state is a function of its ticks in their
order, bit for bit, so what is older than the buffer, the *settled* picture, is what it would have been had everything
come in time. docs/decisions/0073-late-data.md.
"""

import bisect
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from lowsky.align.order import content, joined, may_join
from lowsky.classify.why import Why
from lowsky.constants import LATE_BUFFER_S, SECOND_NS
from lowsky.engine.fusion import HOLE_NS, Fusion
from lowsky.engine.numbers import Numbers, alike, nearest, taken, with_ended
from lowsky.engine.swap import alive, changes
from lowsky.model.events import Event
from lowsky.model.measurement import Ints
from lowsky.model.ports import Tick
from lowsky.model.site import Site
from lowsky.model.status import Registered
from lowsky.model.track import TrackSnapshot
from lowsky.track.picture import Hypotheses
from lowsky.wire.columns import decode_tick, encode_tick

GRID_NS = SECOND_NS // 4
"""Ticks of ``align``: those between a batch from before the stream's start and that start are added."""

WORK_PER_TICK = 20.0
"""What is run again at each tick that comes, in about ms on one core of 2020: a second line never holds the live one
up for longer. Counted in ticks and rows (below), not by a clock, so that the same ticks give the same picture."""
WORK_OF_TIME, WORK_OF_BATCH, WORK_OF_ROW = 0.1, 0.3, 0.002  # ms; rows: of the batch, and potential objects
LEAST_AGAIN = 3  # ticks at least, so that a second line catches up whatever a tick costs

MARK_EVERY_NS = SECOND_NS
ROWS_PER_MARK_SECOND = 2500  # so many potential objects, and a state is saved every other second, and so on
MARK_SHARE = 4  # a state of age a is kept where there is none within a/4: to run again from a takes at most 1.25 a

Place = tuple[int, int, int, int]
Claims = tuple[Ints, Ints]
NOTHING: Claims = (np.empty(0, np.int64), np.empty(0, np.int64))


@dataclass(slots=True)
class _Entry:
    """A tick in the log. ``claims``: rows and whose they are, in the line's own numbers."""

    place: Place  # time; time passing before batches; sensor; look
    tick: Tick
    is_live: bool = True  # the live line has taken it
    is_right: bool = True  # False: a batch that has become one with another
    is_again: bool = False  # the second line has taken it
    claims: Claims = NOTHING
    claims_again: Claims = NOTHING


@dataclass(slots=True)
class _Mark:
    """A saved state: the right line after so many entries of the log."""

    index: int
    t_ns: int
    line: Fusion


@dataclass(slots=True)
class _Again:
    """The second line: it has taken the log up to ``at``, beginning at ``start``."""

    line: Fusion
    start: int
    at: int
    since: int  # the number its next track had at the start


class Reprocessing(msgspec.Struct, frozen=True):
    """What became of late measurements, since start."""

    rows_used: int = 0
    rows_too_old: int = 0  # let through by ``align``, but older than the log: soon after a start
    replays: int = 0
    ticks_again: int = 0

    def and_also(self, **more: int) -> "Reprocessing":
        return msgspec.structs.replace(self, **{name: getattr(self, name) + n for name, n in more.items()})


NOTHING_LATE = Reprocessing()


class _Saved(msgspec.Struct, array_like=True):
    base: bytes
    base_t_ns: int
    log: list[tuple[bytes, bool, bool, bool]]
    marks: list[tuple[int, int]]
    again: tuple[int, int, int] | None
    dirty: int | None
    numbers: bytes
    told_ns: int
    told: Reprocessing


class Reprocessor:
    """Ticks in, events out, a snapshot whenever asked, with numbers as shown. Deterministic; no clock, no I/O."""

    def __init__(self, site: Site, buffer_s: float = LATE_BUFFER_S, tells_settled: bool = False) -> None:
        self._site = site
        self._sensor_index = {sensor.id: k for k, sensor in enumerate(site.sensors)}
        self._buffer_ns = round(buffer_s * SECOND_NS)
        self._tells_settled = tells_settled
        self._live = Fusion(site, tells_settled)
        self._numbers = Numbers()
        self._log: list[_Entry] = []
        self._marks = [_Mark(0, 0, self._live.copy())]
        self._again: _Again | None = None
        self._dirty: int | None = None  # first entry that the newest line has passed without taking it
        self._settling: list[tuple[int, TrackSnapshot]] = []
        self._noted_ns = self._told_ns = -1  # newest second that was noted and still holds; that was handed out
        self._ended: TrackSnapshot | None = None  # what the last step ended by changing lines
        self.told = NOTHING_LATE

    def step(self, tick: Tick) -> Sequence[Event]:
        """What happened, with numbers as shown; ``seq`` 0. Nothing is told twice."""
        self._ended = None
        place = self._place_of(tick)
        if self._log and place < self._log[-1].place:
            if tick.batch is not None and place[:3] < self._log[-1].place[:3]:
                self._take_late(Tick(place[0], tick.batch), place)
                return ()
            place = self._log[-1].place
        events: list[Event] = []
        if self._again is None and self._dirty is not None and tick.batch is None:
            self._begin_again(self._dirty)
        if self._again is not None:
            self._go_on_again(self._again, WORK_PER_TICK)
            if self._again.at == len(self._log):
                events += self._swap(self._again)
        return events + self._take(Tick(place[0], tick.batch), place)

    def snapshot(self, at_ns: int | None = None) -> TrackSnapshot:
        """The live picture; with ``at_ns`` older tracks are predicted to it."""
        tracks = self._numbers.snapshot(self._live.snapshot(at_ns))
        return tracks if self._ended is None else with_ended(tracks, self._ended)

    def hypotheses(self, at_ns: int) -> Hypotheses:
        """Everything the live line holds possible, predicted to a time; numbers as shown."""
        held = self._live.hypotheses(at_ns)
        return replace(held, track_id=self._numbers.of(held.track_id))

    def why(self, track_id: int) -> Why | None:
        """What speaks for and against the class of a track that is shown by this number."""
        own = np.array(self._live.known_track_ids(), np.int64)
        for number in own[self._numbers.of(own) == track_id].tolist():
            found = self._live.why(number)
            if found is not None:
                return found
        return None

    def doubts(self) -> dict[str, str]:
        """Sensors that the live line doubts, and why."""
        return self._live.doubts()

    def registered(self, sensor: str) -> Registered | None:
        """What the live line knows of a sensor's errors."""
        return self._live.registered(sensor)

    def settled(self, is_end: bool = False) -> list[tuple[int, TrackSnapshot]]:
        """Whole seconds (UTC ns) that nothing can change any more, each once, in order, with its picture: tracks
        predicted to it, numbered by the settled line itself. At the end of a stream: all that is left."""
        if is_end:
            self._finish()
        old_ns = (self._live.t_ns or 0) - self._buffer_ns
        n = len(self._settling) if is_end else bisect.bisect_left(self._settling, old_ns, key=lambda second: second[0])
        out = self._settling[:n]
        del self._settling[:n]
        if out:
            self._told_ns = out[-1][0]
        return out

    def _finish(self) -> None:
        while self._again is not None or self._dirty is not None:
            if self._again is None and self._dirty is not None:
                self._begin_again(self._dirty)
            if self._again is not None:
                self._go_on_again(self._again, float("inf"))
                self._swap(self._again)
        self._live.end_second()
        self._note_second(self._live)

    # -- the live line -----------------------------------------------------------------------------------------

    def _place_of(self, tick: Tick) -> Place:
        if tick.batch is None:
            return tick.t_ns, 0, 0, 0
        return min(tick.t_ns, tick.batch.t_ns), 1, self._sensor_index.get(tick.batch.sensor, -1), tick.batch.look

    def _take(self, tick: Tick, place: Place) -> list[Event]:
        line = self._live
        if line.t_ns is not None and tick.t_ns > line.t_ns + HOLE_NS:
            self._numbers.spare(tick.t_ns - line.t_ns)
        events = [self._numbers.event(event) for event in line.step(tick)]
        self._log.append(_Entry(place, tick, claims=NOTHING if tick.batch is None else line.claims))
        if self._again is None and self._dirty is None:
            self._note(line, len(self._log), tick)
        self._forget(tick.t_ns)
        return events

    def _note(self, line: Fusion, index: int, tick: Tick) -> None:
        """Keep what the right line leaves behind: its picture at a whole second, its state now and then."""
        self._note_second(line)
        marks, every_ns = self._marks, MARK_EVERY_NS * (1 + line.rows_in_table // ROWS_PER_MARK_SECOND)
        if tick.batch is not None or tick.t_ns - marks[-1].t_ns < every_ns:
            return
        marks.append(_Mark(index, tick.t_ns, line.copy()))
        for k in range(len(marks) - 2, 0, -1):
            age_ns = tick.t_ns - marks[k + 1].t_ns
            if marks[k + 1].t_ns - marks[k - 1].t_ns <= max(every_ns, age_ns // MARK_SHARE):
                del marks[k]

    def _note_second(self, line: Fusion) -> None:
        """Each second once, although a second line begins before the late batch."""
        if line.second is not None and line.second[0] > self._noted_ns:
            self._noted_ns = line.second[0]
            self._settling.append(line.second)

    def _forget(self, now_ns: int) -> None:
        """Drop what nothing can change any more: the log before a state that is older than the buffer."""
        while len(self._marks) > 1 and self._marks[1].t_ns < now_ns - self._buffer_ns:
            n = self._marks[1].index
            if not all(entry.is_live and entry.is_right for entry in self._log[:n]):
                return
            del self._log[:n], self._marks[0]
            for mark in self._marks:
                mark.index -= n
            if self._again is not None:
                self._again.start, self._again.at = self._again.start - n, self._again.at - n
            if self._dirty is not None:
                self._dirty -= n
            if self._numbers.is_due:
                needed = {track_id for line in self._lines() for track_id in line.known_track_ids()}
                self._numbers.sweep(needed.union(*(entry.claims[1].tolist() for entry in self._log)))

    # -- the second line ---------------------------------------------------------------------------------------

    def _take_late(self, tick: Tick, place: Place) -> None:
        """Put a batch into the log; the lines take it when they come there again."""
        batch = tick.batch
        if batch is None:
            return
        now_ns = self._live.t_ns or 0
        if tick.t_ns < max(self._marks[0].t_ns, now_ns - self._buffer_ns):
            self.told = self.told.and_also(rows_too_old=len(batch))
            return
        self.told = self.told.and_also(rows_used=len(batch))
        first_ns, is_batch, _, _ = self._log[0].place
        if tick.t_ns < first_ns and not self._marks[0].t_ns:  # before the stream began: its time had begun, too
            for t_ns in range((tick.t_ns // GRID_NS + 1) * GRID_NS, first_ns + is_batch, GRID_NS):
                self._insert(Tick(t_ns), (t_ns, 0, 0, 0))
        if may_join(batch):
            for entry in self._at_place(place):
                if entry.is_right and entry.tick.batch is not None and may_join(entry.tick.batch):
                    entry.is_right = False
                    batch = joined([entry.tick.batch, batch])
        self._insert(Tick(tick.t_ns, batch), place)

    def _at_place(self, place: Place) -> list[_Entry]:
        first = bisect.bisect_left(self._log, place, key=_place)
        return self._log[first : bisect.bisect_right(self._log, place, key=_place)]

    def _insert(self, tick: Tick, place: Place) -> None:
        first, equals = bisect.bisect_left(self._log, place, key=_place), self._at_place(place)
        index = first + len(equals)
        if tick.batch is not None and equals:
            own = content(tick.batch)
            while index > first and _content(self._log[index - 1]) > own:
                index -= 1
        passed = len(self._log) if self._again is None else self._again.at
        self._log.insert(index, _Entry(place, tick, is_live=False))
        self._marks = [mark for mark in self._marks if mark.index <= first]
        if self._noted_ns >= tick.t_ns:
            self._noted_ns = tick.t_ns - 1
            self._settling = [second for second in self._settling if second[0] < tick.t_ns]
        if self._again is not None:
            self._again.start += index < self._again.start
            self._again.at += index < self._again.at
        if first < passed:
            self._dirty = first if self._dirty is None else min(self._dirty, first)

    def _begin_again(self, dirty: int) -> None:
        mark = self._marks[-1]  # later ones went when the late batch came
        self._again = _Again(mark.line.copy(), mark.index, mark.index, mark.line.next_track_id)
        self._dirty = None
        self.told = self.told.and_also(replays=1)

    def _go_on_again(self, again: _Again, work: float) -> None:
        count = 0
        while again.at < len(self._log) and (work > 0.0 or count < LEAST_AGAIN):
            entry = self._log[again.at]
            again.at += 1
            if not entry.is_right:
                continue
            _run(again.line, entry, "claims_again")
            entry.is_again = True
            if self._dirty is None:
                self._note(again.line, again.at, entry.tick)
            count += 1
            if entry.tick.batch is None:
                work -= WORK_OF_TIME
            else:
                work -= WORK_OF_BATCH + WORK_OF_ROW * (again.line.rows_in_table + len(entry.tick.batch))
        self.told = self.told.and_also(ticks_again=count)

    def _swap(self, again: _Again) -> list[Event]:
        """The second line has caught up: it is the live one now. Its tracks get the numbers they are known by."""
        before = self._numbers.snapshot(alive(self._live.snapshot()))
        after = alive(again.line.snapshot())
        self._rename(again, before, after)
        self._live, self._again = again.line, None
        self._adopt(again.start)
        named = self._numbers.snapshot(after)
        self._ended = taken(before, np.flatnonzero(~np.isin(before.track_id, named.track_id)))
        if not len(self._ended):
            self._ended = None
        return changes(before, named, self._live.t_ns or 0, self._site)

    def _rename(self, again: _Again, before: TrackSnapshot, after: TrackSnapshot) -> None:
        """Tracks the two lines have in common keep their numbers; of the others, whose rows one and the other line
        gave to a track is the same; then who has the same identity, place or bearing; the rest are new."""
        votes: Counter[tuple[int, int]] = Counter()
        for entry in self._log[max(again.start, 0) :]:
            if entry.is_again and entry.is_live and len(entry.claims[0]) and len(entry.claims_again[0]):
                _, k, j = np.intersect1d(entry.claims_again[0], entry.claims[0], return_indices=True)
                own, was = entry.claims_again[1][k], entry.claims[1][j]
                new = (own >= again.since) & (was >= again.since)
                shown = self._numbers.of(was[new])
                votes.update(zip(own[new].tolist(), shown.tolist(), strict=True))
        names = alike(votes)
        is_new = after.track_id >= again.since
        used = {*names.values(), *self._numbers.of(after.track_id[~is_new]).tolist()}
        nameless = taken(after, np.flatnonzero(is_new & ~np.isin(after.track_id, list(names))))
        free = taken(before, np.flatnonzero(~np.isin(before.track_id, list(used))))
        names |= nearest(nameless, free)
        self._numbers.renamed(again.since, names)
        for own_number in after.track_id.tolist():
            self._numbers.give(own_number)

    def _adopt(self, start: int) -> None:
        """The log as the new live line has taken it; batches that became others are dropped."""
        left: list[_Entry] = []
        before: list[int] = []  # entries dropped before each
        for index, entry in enumerate(self._log):
            before.append(index - len(left))
            if index >= start:
                entry.is_live, entry.claims = entry.is_again, entry.claims_again
            entry.is_again, entry.claims_again = False, NOTHING
            if entry.is_live or entry.is_right:
                left.append(entry)
        before.append(len(self._log) - len(left))
        self._log = left
        for mark in self._marks:
            mark.index -= before[mark.index]
        if self._dirty is not None:
            self._dirty -= before[self._dirty]

    @property
    def _newest(self) -> Fusion:
        return self._live if self._again is None else self._again.line

    # -- numbers -----------------------------------------------------------------------------------------------

    def _lines(self) -> list[Fusion]:
        return [self._live, *(mark.line for mark in self._marks), *([self._again.line] if self._again else [])]

    @property
    def next_track_id(self) -> int:
        """Every number given out is below it."""
        return max(self._numbers.next, self._live.next_track_id)

    def continue_track_ids(self, next_track_id: int) -> None:
        """Give out no number below this one: they were given out before."""
        self._numbers.next = max(self._numbers.next, next_track_id)
        for line in self._lines():
            line.continue_track_ids(next_track_id)

    # -- saved -------------------------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """Everything ``load`` needs to go on exactly: the oldest state and the log; the rest follows from them."""
        again = self._again
        return msgspec.msgpack.encode(
            _Saved(
                self._marks[0].line.dump(), self._marks[0].t_ns,
                [(encode_tick(e.tick), e.is_live, e.is_right, e.is_again) for e in self._log],
                [(mark.index, mark.t_ns) for mark in self._marks[1:]],
                None if again is None else (again.start, again.at, again.since),
                self._dirty, self._numbers.dump(), self._told_ns, self.told,
            )
        )  # fmt: skip

    def load(self, saved: bytes) -> None:
        """Take over what ``dump`` wrote, by running the log again. Raises what its parts raise."""
        state = msgspec.msgpack.decode(saved, type=_Saved)
        base = Fusion(self._site, self._tells_settled)
        base.load(state.base)
        self._log = []
        for encoded, is_live, is_right, is_again in state.log:
            tick = decode_tick(encoded)
            self._log.append(_Entry(self._place_of(tick), tick, is_live, is_right, is_again))
        self._numbers.load(state.numbers)
        self._dirty, self.told, self._again, self._ended = state.dirty, state.told, None, None
        self._marks, self._settling, self._noted_ns = [_Mark(0, state.base_t_ns, base)], [], state.told_ns
        self._told_ns = state.told_ns
        self._live = base.copy()
        if state.again is not None:
            self._again = _Again(base.copy(), *state.again)
        if self._again is None:
            self._run_again(self._live, len(self._log), lambda k, entry: entry.is_live, state.marks)
            return
        self._run_again(self._live, len(self._log), lambda k, entry: entry.is_live, [])
        again = self._again
        self._run_again(
            again.line, again.at, lambda k, entry: entry.is_live if k < again.start else entry.is_again, state.marks,
            again.start,
        )  # fmt: skip

    def _run_again(
        self, line: Fusion, to: int, takes: Callable[[int, _Entry], bool], marks: list[tuple[int, int]],
        again_from: int | None = None,
    ) -> None:  # fmt: skip
        """Run a line through the log up to entry ``to`` as it was run before, saving its states where they were."""
        t_of = dict(marks)
        for k, entry in enumerate(self._log[:to]):
            if takes(k, entry):
                _run(line, entry, "claims" if again_from is None else "claims_again" if k >= again_from else "")
                if line is self._newest and (self._dirty is None or k < self._dirty):
                    self._note_second(line)
            if k + 1 in t_of:
                self._marks.append(_Mark(k + 1, t_of[k + 1], line.copy()))


def _place(entry: _Entry) -> Place:
    return entry.place


def _content(entry: _Entry) -> bytes:
    return b"" if entry.tick.batch is None else content(entry.tick.batch)


def _run(line: Fusion, entry: _Entry, claims: str) -> None:
    line.step(entry.tick)
    if entry.tick.batch is not None and claims:
        setattr(entry, claims, line.claims)
