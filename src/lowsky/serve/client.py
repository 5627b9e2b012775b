"""One browser: what it has seen, what it gets next. Latest wins: nothing is ever queued for it."""

import asyncio
import contextlib
import struct
from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect

from lowsky.clock import monotonic_s
from lowsky.engine.hub import Controls
from lowsky.model.ports import Clock
from lowsky.serve.columns import HEADER, HEADER_BYTES, hello
from lowsky.serve.frame import LABEL_TEXTS, Encoder, Label
from lowsky.serve.history import SAMPLE_NS, History, Sample
from lowsky.serve.state import StateText, waiting_facts

FRAME_PERIOD_S = 0.008
KEYFRAME_PERIOD_S = 5.0
SPAN_PERIOD_S = 1.0
LIFE_PERIOD_S = 1.0  # while looking back: the shown moment again, as long as new pictures come
WANT_MAX_BYTES = 1024
_OFFSETS = {name: (offset, "<" + kind) for name, offset, kind in HEADER}


class Want(msgspec.Struct, forbid_unknown_fields=True):
    """What a client may ask; one message holds one of these."""

    seek: float | None = None  # UTC seconds
    live: bool = False
    pause: bool | None = None  # of what it sees from history
    scene: str | None = None


class Shared:
    """What all clients read: newest picture in wire form, state text, history; and the counts for /metrics."""

    def __init__(self, controls: Controls, clock: Clock) -> None:
        self.controls, self.clock = controls, clock
        self.encoder = Encoder()
        self.state = StateText()
        self.history = History()
        self.frames_sent = 0
        self.bytes_sent = 0
        self.latency_sum_s = 0.0  # newest t_recv of the picture → frame handed to the socket
        self.latency_count = 0


class Client:
    """The sending side of one WebSocket."""

    def __init__(self, socket: "WebSocket[Any, Any, Any]", shared: Shared) -> None:
        self._socket, self._shared = socket, shared
        self.wake = asyncio.Event()
        self.wake.set()  # a picture may be there already
        self._wants: list[Want] = []
        self._seq = 0
        self._version = 0  # encoder version of its last frame
        self._epoch = -1
        self._keyframe_s = self._span_s = -1e9
        self._state_version = -1
        self._labels_version = 0
        self._labelled: set[int] = set()  # ids whose label went out while looking at history
        self._replay_t_ns: int | None = None  # looking at history from here; None: live
        self._replay_at_s = 0.0
        self._replay_paused = False
        self._replay_sent: Sample | None = None
        self._replay_state = b""  # the state text sent with it
        self._replay_epoch = -1
        self._replay_version = 0  # encoder version and time of the last frame from history
        self._replay_sent_s = 0.0

    def ask(self, want: Want) -> None:
        """From the receiving side. Bounded: a client that shouts only overwrites itself."""
        self._wants = [*self._wants[-7:], want]
        self.wake.set()

    async def run(self) -> None:
        """Say hello, then send until the socket goes away."""
        await self._text(msgspec.json.encode(hello()))
        while True:
            timeout = 0.1 if self._replay_t_ns is not None else SPAN_PERIOD_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wake.wait(), timeout)
            self.wake.clear()
            started_s = monotonic_s()
            wants, self._wants = self._wants, []
            for want in wants:
                await self._obey(want)
            if self._replay_t_ns is None:
                await self._send_live()
            else:
                await self._send_history()
            if monotonic_s() - self._span_s >= SPAN_PERIOD_S:
                await self._send_span()
            await asyncio.sleep(max(0.0, FRAME_PERIOD_S - (monotonic_s() - started_s)))

    async def _obey(self, want: Want) -> None:
        controls = self._shared.controls
        if want.scene is not None:
            self._go_live()
            await asyncio.to_thread(controls.select_scene, want.scene)
        if want.live:
            self._go_live()
        if want.pause is not None and self._replay_t_ns is not None:
            self._replay_t_ns, self._replay_at_s = self._replay_now_ns(), monotonic_s()
            self._replay_paused = want.pause
        if want.seek is not None:
            await self._seek(int(want.seek * 1e9))

    async def _seek(self, t_ns: int) -> None:
        """Inside the node's memory only this client looks back; beyond it a replay is asked to jump."""
        held, span = self._shared.history.span_ns(), self._shared.controls.span_ns()
        if span is not None and (held is None or not held[0] <= t_ns <= held[1]):
            self._go_live()
            await asyncio.to_thread(self._shared.controls.seek, min(max(t_ns, span[0]), span[1]))
        elif held is not None:
            self._replay_t_ns = min(max(t_ns, held[0]), held[1])
            self._replay_at_s, self._replay_paused = monotonic_s(), False
            self._replay_sent, self._replay_epoch = None, self._shared.encoder.epoch
            self._labelled.clear()

    def _go_live(self) -> None:
        if self._replay_t_ns is not None:
            self._replay_t_ns, self._replay_sent, self._replay_paused = None, None, False
            self._labels_version = 0
            self._state_version = -1
        self._version = 0

    def _replay_now_ns(self) -> int:
        elapsed_s = 0.0 if self._replay_paused else monotonic_s() - self._replay_at_s
        return (self._replay_t_ns or 0) + int(elapsed_s * 1e9)

    async def _send_live(self) -> None:
        shared, encoder = self._shared, self._shared.encoder
        picture = encoder.picture
        if picture is None or (encoder.version == self._version and self._epoch == encoder.epoch):
            return
        if self._state_version != shared.state.version:
            self._state_version = shared.state.version
            await self._text(shared.state.text)
        now_s = monotonic_s()
        if self._epoch != encoder.epoch or now_s - self._keyframe_s >= KEYFRAME_PERIOD_S or self._version == 0:
            if self._epoch != encoder.epoch:
                self._labels_version = 0
            self._version, self._keyframe_s, self._epoch = 0, now_s, encoder.epoch
        await self._send_labels(encoder)
        # what follows has no await before the send, so the frame is of the newest picture
        version, t_ns = encoder.version, shared.clock.now_ns()
        self._seq += 1
        payload = encoder.frame(self._version, self._seq, t_ns)
        self._version = version
        if picture.mode == "live" and picture.recv_ns > 0:
            shared.latency_sum_s += (t_ns - picture.recv_ns) / 1e9
            shared.latency_count += 1
        await self._bytes(payload)

    async def _send_labels(self, encoder: Encoder) -> None:
        if encoder.labels_version <= self._labels_version:
            return
        since, self._labels_version = self._labels_version, encoder.labels_version
        changed = [(i, label) for i, label in encoder.labels.items() if label.version > since]
        await self._text(labels_message(encoder.epoch, changed))

    async def _send_history(self) -> None:
        history, encoder = self._shared.history, self._shared.encoder
        held, t_ns = history.span_ns(), self._replay_now_ns()
        # a sample is as good as its neighbour: at the old end the memory moves on in steps, and so may the client
        if held is None or self._replay_epoch != encoder.epoch or t_ns < held[0] - 2 * SAMPLE_NS:
            self._go_live()  # forgotten meanwhile: a new epoch, or too old
            return
        sample = history.at(t_ns)
        if sample is None or not self._is_due(sample):
            return
        self._replay_version, self._replay_sent_s = encoder.version, monotonic_s()
        state, payload = history.read(sample)
        known = self._replay_sent is not None and self._replay_state == state
        self._replay_sent, self._replay_state = sample, state
        if not known:
            await self._text(state)
        rows = struct.unpack_from("<I", payload, _OFFSETS["rows"][0])[0]
        ids = struct.unpack_from(f"<{rows}I", payload, HEADER_BYTES)  # the first column
        fresh = [i for i in ids if i not in self._labelled and i in history.labels]
        if fresh:
            self._labelled.update(fresh)
            await self._text(labels_message(encoder.epoch, ((i, history.labels[i]) for i in fresh)))
        self._seq += 1
        for name, value in (("seq", self._seq), ("t_sent", self._shared.clock.now_ns() / 1e9)):
            offset, kind = _OFFSETS[name]
            struct.pack_into(kind, payload, offset, value)
        await self._bytes(bytes(payload))

    def _is_due(self, sample: Sample) -> bool:
        """Who looks back must not take standing still for NO DATA, and must take a node that hangs for it: what was
        asked for is shown, but then nothing more until a new picture has come."""
        if self._replay_sent is None:
            return True
        moved = self._shared.encoder.version != self._replay_version
        return moved and (sample is not self._replay_sent or monotonic_s() - self._replay_sent_s >= LIFE_PERIOD_S)

    async def _send_span(self) -> None:
        self._span_s = monotonic_s()
        held, span = self._shared.history.span_ns(), self._shared.controls.span_ns()
        picture = self._shared.encoder.picture
        await self._text(
            msgspec.json.encode(
                {
                    "type": "span",
                    "history": None if held is None else [held[0] / 1e9, held[1] / 1e9],
                    "recording": None if span is None else [span[0] / 1e9, span[1] / 1e9],
                    "looking_back": self._replay_t_ns is not None,
                    "live_alerts": 0 if picture is None else sum(a.cleared_ns is None for a in picture.alerts),
                    "waiting": None if picture is None else waiting_facts(picture.alerts),
                }
            )
        )

    async def _text(self, text: bytes) -> None:
        await self._socket.send_data(text.decode(), mode="text")

    async def _bytes(self, payload: bytes) -> None:
        # waits while the socket's buffer is full: a slow client simply gets its next frame later
        await self._socket.send_data(payload, mode="binary")
        self._shared.frames_sent += 1
        self._shared.bytes_sent += len(payload)


def labels_message(epoch: int, labels: Iterable[tuple[int, Label]]) -> bytes:
    rows = [[track_id, label.identity, *label.texts] for track_id, label in labels]
    return msgspec.json.encode(
        {"type": "labels", "epoch": epoch, "fields": ["id", "identity", *LABEL_TEXTS], "rows": rows}
    )


async def receive(socket: "WebSocket[Any, Any, Any]", client: Client) -> None:
    """Take what the client asks until it goes away. What is not understood is ignored."""
    while True:
        try:
            text = await socket.receive_data(mode="text")
        except WebSocketDisconnect:
            return
        if len(text) > WANT_MAX_BYTES:
            continue
        try:
            want = msgspec.json.decode(text, type=Want)
        except msgspec.DecodeError:
            continue
        if want.seek is not None and not abs(want.seek) < 1e11:
            continue
        client.ask(want)
