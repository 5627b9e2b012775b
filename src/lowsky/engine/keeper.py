"""Keeps what a node must not lose: the recording, and a saved pipeline every few seconds.

Starting is recovering: a node's picture is a function of the ticks recorded so far, so a start reads the newest
saved pipeline and replays the ticks after it. Without one (first start after an update) it replays the last
minute; track numbers then go on above every number ever given out. Nothing that is recorded makes a start fail.
"""

import logging
import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec

import lowsky
from lowsky.constants import SECOND_NS
from lowsky.engine.evidence import save_payload
from lowsky.engine.pipeline import LONGEST_SPARED_S, NUMBERS_SPARED, NUMBERS_SPARED_PER_S, Pipeline
from lowsky.errors import RecordError
from lowsky.model.events import Event
from lowsky.model.ports import Tick
from lowsky.model.site import Site
from lowsky.record.reader import open_recording
from lowsky.record.writer import Recorder
from lowsky.wire.columns import encode_tick

log = logging.getLogger(__name__)

CHECKPOINT_EVERY_NS = 10_000_000_000
LAST_MINUTE_NS = 60_000_000_000
NAME = "checkpoint.bin"
Told = Callable[[Sequence[Event], Pipeline], None]
COMPACT_AT_END_S = 3.0
"""Who ends a node waits for it; a longer segment is compacted after the next start."""


class _Checkpoint(msgspec.Struct):
    """``pipeline`` knows every tick up to the ``tick``-th of segment ``segment``."""

    segment: int
    tick: int
    next_track_id: int
    pipeline: bytes


class Keeper:
    """Recorder and checkpoints of one node, in one folder. ``may_save`` (may wait): is everything that events up to now
    caused elsewhere durable, so that no start needs to replay them?"""

    def __init__(self, folder: Path, site_toml: str, may_save: Callable[[], bool] = lambda: True) -> None:
        self._folder = folder
        self._may_save = may_save
        self._recorder = Recorder(folder, site_toml, lowsky.__version__)
        self._ticks_put = 0
        self._saved_ns = 0
        self._saver = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._saving: Future[None] | None = None

    def put(self, tick: Tick) -> None:
        self._ticks_put += 1
        self._recorder.put(tick)

    def flush(self) -> bool:
        """Wait until everything put so far is on disk; is it?"""
        return self._recorder.flush()

    def status(self) -> str:
        """Empty while all is well, else one clear sentence."""
        status = self._recorder.status()
        return str(status.error) if status.state == "failing" and status.error is not None else ""

    def checkpoint(self, tick: Tick, pipeline: Pipeline) -> None:
        """Save the pipeline now and then. Only the dump is made here; the disk is another thread's matter."""
        since_ns = abs(tick.t_ns - self._saved_ns)  # the clock may have been set back
        if since_ns < CHECKPOINT_EVERY_NS or (self._saving is not None and not self._saving.done()):
            return
        self._saved_ns = tick.t_ns
        self._saving = self._saver.submit(self._save, *self._state_of(pipeline))

    def _state_of(self, pipeline: Pipeline) -> tuple[int, int, int, bytes]:
        """Ticks put and lost so far, the next track number, and the pipeline."""
        return self._ticks_put, self._recorder.status().ticks_lost, pipeline.next_track_id, pipeline.dump()

    def _save(self, put: int, lost: int, next_track_id: int, pipeline: bytes) -> None:
        """After a flush: a checkpoint must never know more than the recording does. A disk that refuses is the
        recorder's to report; the next checkpoint tries again."""
        if not self._recorder.flush() or self._recorder.status().ticks_lost != lost or not self._may_save():
            return
        place = self._recorder.place_of(put - lost)
        if place is None:
            return
        state = _Checkpoint(*place, next_track_id, pipeline)
        try:
            beside = self._folder / (NAME + ".part")
            with beside.open("wb") as file:
                body = msgspec.msgpack.encode(state)
                file.write(zlib.crc32(body).to_bytes(4, "little") + body)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._folder / NAME)
        except OSError:
            return

    def close(self, pipeline: Pipeline | None) -> None:
        """The end. ``pipeline`` None: a step of it failed and left it in no state to go on from; nothing is saved."""
        self._saver.shutdown(wait=True)
        if pipeline is not None and self._ticks_put:  # without a tick, what is in the file already stands
            self._save(*self._state_of(pipeline))
        status = self._recorder.close(COMPACT_AT_END_S)
        if status.ticks_lost:
            log.error(
                "%s lacks %d ticks with %d measurements", self._folder, status.ticks_lost, status.measurements_lost
            )

    def restored_pipeline(self, site: Site, told: Told = lambda events, pipeline: None) -> Pipeline:
        """A pipeline that knows everything recorded so far in this folder. Where a step fails, which is our bug, a
        fresh one; its first checkpoint is saved with its first tick, so that no later start meets that tick again.
        ``told`` is called with the events of each step that is replayed."""
        saved = self._read_checkpoint()
        pipeline = self._loaded_pipeline(site, saved)
        try:
            recording = open_recording(self._folder)
        except RecordError:
            return pipeline
        if recording.span_ns is None:
            return pipeline
        if saved is not None and pipeline.t_ns is not None:
            ticks = recording.ticks_after(saved.segment, saved.tick)
        else:
            from_ns = recording.span_ns[1] - LAST_MINUTE_NS
            pipeline.recall(recording.actions(from_ns))
            ticks = recording.ticks(from_ns)
        for tick in ticks:
            try:
                told(pipeline.step(tick), pipeline)
            except Exception as error:  # noqa: BLE001  whatever it is, a start must not fail because of what is recorded
                fresh = self._fresh_pipeline(site, pipeline.next_track_id, tick, recording.span_ns[1], error)
                fresh.recall(recording.actions())
                return fresh
        return pipeline

    def _loaded_pipeline(self, site: Site, saved: _Checkpoint | None) -> Pipeline:
        """As it was saved; without that a new one, which gives out no number that was given out before."""
        pipeline = Pipeline(site)
        if saved is None:
            return pipeline
        try:
            pipeline.load(saved.pipeline)
        except Exception as error:  # noqa: BLE001  of another version or site, or a state that no longer loads
            if not isinstance(error, ValueError):
                log.error("%s: the saved state does not load: %r", self._folder, error)
            pipeline = Pipeline(site)  # the other may be half loaded
            pipeline.continue_track_ids(saved.next_track_id + NUMBERS_SPARED)
        return pipeline

    def _fresh_pipeline(self, site: Site, next_track_id: int, tick: Tick, last_ns: int, error: Exception) -> Pipeline:
        """After a step that failed while restoring."""
        path = save_payload(encode_tick(tick)) or "nowhere: the folder cannot be written"
        log.error(
            "%s: restoring ends at a tick on which the pipeline fails (%r; saved in %s): the tracks and alerts of "
            "before are lost, and new ones get new numbers", self._folder, error, path,
        )  # fmt: skip
        after_s = min(max(0, last_ns - tick.t_ns) // SECOND_NS, LONGEST_SPARED_S)
        pipeline = Pipeline(site)  # ticks behind it, which an earlier version could take, gave out numbers, too
        pipeline.continue_track_ids(next_track_id + NUMBERS_SPARED + NUMBERS_SPARED_PER_S * after_s)
        return pipeline

    def _read_checkpoint(self) -> _Checkpoint | None:
        """None where there is none, or it is damaged."""
        try:
            saved = (self._folder / NAME).read_bytes()
            if zlib.crc32(saved[4:]).to_bytes(4, "little") != saved[:4]:
                return None
            return msgspec.msgpack.decode(saved[4:], type=_Checkpoint)
        except (OSError, msgspec.DecodeError):
            return None
