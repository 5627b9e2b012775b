"""The WebSocket: newest picture, never a queue, history, and no strangers."""

import asyncio
import json
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from tests.unit.serve.pictures import SECOND, T0, RecordedControls, picture, snapshot
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from lowsky.clock import LiveClock
from lowsky.serve.client import Client, Shared, Want
from lowsky.serve.columns import HISTORY, KEYFRAME
from lowsky.serve.frame import unpack
from lowsky.serve.history import History


class Page:
    """A client that sorts what it gets."""

    def __init__(self, running, **options):
        self._opening = connect(
            f"ws://127.0.0.1:{running.port}/api/stream", max_size=None, compression=None, proxy=None, **options
        )

    def __enter__(self):
        self.socket = self._opening.__enter__()
        return self

    def __exit__(self, *reason):
        return self._opening.__exit__(*reason)

    def frame(self, test=lambda _: True, timeout=10.0):
        """The next frame that satisfies a test."""
        end = time.monotonic() + timeout
        while True:
            message = self.socket.recv(timeout=max(0.01, end - time.monotonic()))
            if isinstance(message, bytes) and test(decoded := unpack(message)):
                return decoded

    def text(self, kind, timeout=10.0):
        end = time.monotonic() + timeout
        while True:
            message = self.socket.recv(timeout=max(0.01, end - time.monotonic()))
            if isinstance(message, str) and (told := json.loads(message))["type"] == kind:
                return told

    def ask(self, **want):
        self.socket.send(json.dumps(want))


def test_it_begins_with_hello_state_and_a_keyframe(running):
    with Page(running) as page:
        assert page.text("hello")["columns"][0][0] == "id"
        state = page.text("state")
        assert state["site"]["name"] == "Test site"
        assert state["sensors"][0]["status"] == "ok"
        frame = page.frame()
        assert frame.header["flags"] == KEYFRAME
        assert frame.columns["id"].tolist() == [1, 2, 3]


def test_a_new_picture_arrives_as_a_delta_with_the_next_number(running):
    with Page(running) as page:
        first = page.frame()
        update = np.array([T0, T0, T0 + SECOND])
        running.hub.publish(picture(snapshot(t_ns=T0 + SECOND // 2, t_update_ns=update, t_state_ns=update)))
        delta = page.frame()
        assert delta.header["seq"] == first.header["seq"] + 1
        assert delta.columns["id"].tolist() == [3]


def test_a_picture_without_change_is_still_a_sign_of_life(running):
    with Page(running) as page:
        page.frame()
        running.hub.publish(
            picture(snapshot(t_ns=T0 + SECOND // 4, t_state_ns=np.full(3, T0), t_update_ns=np.full(3, T0)))
        )
        assert page.frame().header["rows"] == 0


def test_without_pictures_there_are_no_frames(running):
    with Page(running) as page:
        page.frame()
        with pytest.raises(TimeoutError):
            page.frame(timeout=2.5)


@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1", "null"])
def test_a_foreign_page_is_refused(running, origin):
    with pytest.raises(InvalidStatus) as refused, Page(running, origin=origin):
        pass
    assert refused.value.response.status_code == 403


def test_our_own_page_is_not(running):
    with Page(running, origin=f"http://127.0.0.1:{running.port}") as page:
        page.frame()


@contextmanager
def alive(running):
    """Meanwhile the node lives: the newest picture, again and again."""
    over = threading.Event()

    def publish():
        while not over.wait(0.1):
            running.hub.publish(replace(running.hub.latest()))

    thread = threading.Thread(target=publish, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def publish_seconds(running, seconds):
    for step in range(int(seconds * 4)):
        t = T0 + step * SECOND // 4
        running.hub.publish(picture(snapshot(t_ns=t, identity=("me", None, None))))
        time.sleep(0.02)


def test_one_client_looks_back_and_the_others_do_not(running):
    with Page(running) as looks, Page(running) as stays:
        publish_seconds(running, 12)
        looks.ask(seek=(T0 + 3 * SECOND) / 1e9)
        back = looks.frame(lambda f: f.header["flags"] & HISTORY)
        assert back.header["t_data"] == pytest.approx((T0 + 3 * SECOND) / 1e9, abs=0.51)
        with alive(running):
            on = looks.frame(lambda f: f.header["t_data"] > back.header["t_data"])
        assert on.header["flags"] & HISTORY
        running.hub.publish(picture(snapshot(t_ns=T0 + 20 * SECOND)))
        assert not stays.frame(lambda f: f.header["t_data"] > (T0 + 19 * SECOND) / 1e9).header["flags"] & HISTORY
        looks.ask(live=True)
        assert looks.frame(lambda f: not f.header["flags"] & HISTORY).header["t_data"] == (T0 + 20 * SECOND) / 1e9
    assert running.controls.asked == []


def test_who_stands_still_in_history_hears_that_the_node_lives_and_when_it_hangs(running):
    with Page(running) as page:
        publish_seconds(running, 6)
        page.ask(seek=(T0 + SECOND) / 1e9)
        page.frame(lambda f: f.header["flags"] & HISTORY)
        page.ask(pause=True)
        stood = []
        for step in range(40):
            running.hub.publish(picture(snapshot(t_ns=T0 + 6 * SECOND + step * SECOND // 10)))
            time.sleep(0.05)
        while len(stood) < 2 or stood[-1] != stood[-2]:
            stood.append(page.frame(timeout=3.0).header["t_data"])
        assert abs(stood[-1] - T0 / 1e9 - 1.0) <= 1.0
        with pytest.raises(TimeoutError):
            while True:
                page.frame(timeout=2.0)


def test_who_watches_history_hears_nothing_more_when_the_node_hangs_and_goes_on_when_it_lives_again(running):
    with Page(running) as page:
        publish_seconds(running, 12)
        page.ask(seek=(T0 + SECOND) / 1e9)
        page.frame(lambda f: f.header["flags"] & HISTORY)
        # half of the memory lies ahead, but no new picture comes
        with pytest.raises(TimeoutError):
            page.frame(timeout=2.5)
        running.hub.publish(picture(snapshot(t_ns=T0 + 13 * SECOND)))
        on = page.frame(timeout=3.0)
        assert on.header["flags"] & HISTORY
        assert T0 / 1e9 + 2.0 < on.header["t_data"] < T0 / 1e9 + 11.0


def test_to_seek_elsewhere_ends_a_pause_in_history(running):
    with Page(running) as page:
        publish_seconds(running, 12)
        page.ask(seek=(T0 + 8 * SECOND) / 1e9)
        page.frame(lambda f: f.header["flags"] & HISTORY)
        page.ask(pause=True)
        page.ask(seek=(T0 + 3 * SECOND) / 1e9)
        back = page.frame(lambda f: f.header["t_data"] < (T0 + 4 * SECOND) / 1e9)
        with alive(running):
            page.frame(lambda f: back.header["t_data"] < f.header["t_data"] < (T0 + 6 * SECOND) / 1e9)


def test_a_new_epoch_brings_who_looks_back_to_the_newest_picture(running):
    """Times of a scene that begins again are in the new memory too: the place looked at would be another one."""
    with Page(running) as page:
        publish_seconds(running, 6)
        page.ask(seek=(T0 + 3 * SECOND) / 1e9)
        page.frame(lambda f: f.header["flags"] & HISTORY)
        running.hub.publish(picture(snapshot(t_ns=T0), epoch=2))
        assert page.frame(lambda f: f.header["epoch"] == 2).header["flags"] == KEYFRAME


class Deaf:
    """A socket that keeps the frames."""

    def __init__(self):
        self.frames = []

    async def send_data(self, payload, mode):
        if mode == "binary":
            self.frames.append(unpack(payload))


def test_who_looks_at_the_oldest_moment_is_not_thrown_out_as_the_memory_moves_on():
    shared, held = Shared(RecordedControls(), LiveClock()), Deaf()
    shared.history = History(keep_ns=2 * SECOND)
    client = Client(held, shared)

    def publish(t_ns):
        shared.encoder.update(picture(snapshot(t_ns=t_ns)))
        shared.history.take(shared.encoder, b"{}")
        client.wake.set()

    async def look():
        for step in range(5):
            publish(T0 + step * SECOND // 2)
        client.ask(Want(seek=T0 / 1e9))
        sender = asyncio.ensure_future(client.run())
        for step in range(5, 9):
            await asyncio.sleep(0.5)
            publish(T0 + step * SECOND // 2)
        await asyncio.sleep(0.1)
        sender.cancel()

    asyncio.run(look())
    assert len(held.frames) >= 3
    assert all(frame.header["flags"] & HISTORY for frame in held.frames)
    assert held.frames[-1].header["t_data"] > T0 / 1e9 + 1.0


def test_history_brings_the_names_with_it(running):
    with Page(running) as page:
        publish_seconds(running, 6)
        page.frame(lambda f: f.header["t_data"] > (T0 + 5 * SECOND) / 1e9)
        page.ask(seek=(T0 + SECOND) / 1e9)
        assert page.text("labels")["rows"][0][:2] == [1, "me"]


def test_a_replay_is_asked_to_jump_where_memory_does_not_reach(running):
    running.controls.span = (T0 - 3600 * SECOND, T0 + 3600 * SECOND)
    with Page(running) as page:
        page.frame()
        page.ask(seek=(T0 - 60 * SECOND) / 1e9)
        page.ask(seek=1.0)
        page.ask(scene="one")
        deadline = time.monotonic() + 5.0
        while len(running.controls.asked) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
    wanted = [("seek", T0 - 60 * SECOND), ("seek", T0 - 3600 * SECOND), ("scene", "one")]
    assert sorted(running.controls.asked, key=str) == sorted(wanted, key=str)


def test_what_it_does_not_understand_is_ignored(running):
    with Page(running) as page:
        page.frame()
        for nonsense in ("", "[]", "{", '{"seek": "x"}', '{"seek": 1e300}', '{"aim": 1}', "x" * 2000, '{"seek": null}'):
            page.socket.send(nonsense)
        running.hub.publish(picture(snapshot(t_ns=T0 + SECOND)))
        page.frame(lambda f: f.header["t_data"] > T0 / 1e9)


def test_a_client_that_floods_is_cut_off(running):
    with Page(running) as page:
        page.socket.send("x" * 100_000)
        with pytest.raises(ConnectionClosed):
            page.frame(lambda _: False, timeout=5.0)


def test_a_client_that_does_not_read_gets_fewer_frames_and_then_the_newest(running):
    """A megabyte each time and a client that sleeps: what waits for it stays within the sockets' buffers."""
    ids = tuple(range(1, 12_001))
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    narrow.connect(("127.0.0.1", running.port))
    with Page(running, sock=narrow, max_queue=1) as page:
        page.frame()
        for step in range(60):
            running.hub.publish(picture(snapshot(t_ns=T0 + step * SECOND, ids=ids)))
            time.sleep(0.03)
        seen = 0
        while page.frame().header["t_data"] < (T0 + 59 * SECOND) / 1e9:
            seen += 1
        assert seen < 30
