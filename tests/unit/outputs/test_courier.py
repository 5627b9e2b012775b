"""One output: in order, for ever, and said once; what may have arrived is marked when it is sent again."""

import logging
import threading

import msgspec
import pytest
from tests.outboxes import OUTPUT, occurrence
from tests.scenarios.node.harness import wait_for

from lowsky.outputs import courier as couriers
from lowsky.outputs.courier import Courier
from lowsky.outputs.outbox import Outbox
from lowsky.outputs.sender import Undelivered
from lowsky.outputs.store import NAME


class Ear:
    """A sender that fails as told: ``answers`` are taken one by one (None: it arrives), then all arrive."""

    def __init__(self, *answers):
        self.heard, self.tried, self.answers, self.closed = [], [], list(answers), False
        self.always = None  # after the answers

    def send(self, occurrence):
        self.tried.append((occurrence.number, occurrence.is_repeat))
        answer = self.answers.pop(0) if self.answers else self.always
        if answer is not None:
            raise answer
        self.heard.append((occurrence.number, occurrence.is_repeat))

    def close(self):
        self.closed = True


@pytest.fixture
def world(tmp_path):
    """Make an outbox with a courier for each sender."""
    opened = []

    def make(*senders, output=OUTPUT):
        outputs = [msgspec.structs.replace(output, id=f"hook {k}") for k in range(len(senders))]
        outbox = Outbox(tmp_path / NAME, tuple(o.id for o in outputs))
        crew = [Courier(o, outbox, sender) for o, sender in zip(outputs, senders, strict=True)]
        opened.extend([*crew, outbox])
        return outbox, crew

    yield make
    for thing in opened:
        if isinstance(thing, Courier):
            thing.stop()
        else:
            thing.close()


def put(outbox, *alerts, **more):
    for alert in alerts:
        outbox.put([occurrence(outbox.last_number + 1, outbox.series, alert, **more)])
    assert outbox.flush()


def heard(ear, n):
    return wait_for(lambda: len(ear.heard) >= n and ear.heard, f"{n} occurrences")


LOST, UNSENT = Undelivered("no answer"), Undelivered("nobody there", may_have_arrived=False)
REFUSED = Undelivered("answers 400", is_refused=True)


def test_what_may_have_arrived_is_marked_when_it_is_sent_again_and_what_was_not_sent_is_not(world):
    ear = Ear(UNSENT, UNSENT, None, LOST, LOST, None)
    outbox, (courier,) = world(ear)
    courier.start()
    put(outbox, None, None)
    assert heard(ear, 2) == [(1, False), (2, True)]
    status = courier.status()
    assert (status.sent, status.repeated, status.retries, status.waiting, status.status) == (2, 1, 4, 0, "ok")


def test_an_output_that_fails_for_an_hour_is_said_once_and_the_others_go_on(world, caplog):
    bad, good = Ear(), Ear()
    bad.always = LOST
    outbox, (lame, well) = world(bad, good)
    with caplog.at_level(logging.INFO):
        lame.start()
        well.start()
        put(outbox, *[None] * 20)
        assert heard(good, 20) == [(n, False) for n in range(1, 21)]
        wait_for(lambda: len(bad.tried) > 20, "twenty attempts")
        status = lame.status()
        assert (status.status, status.trouble, status.sent, status.waiting) == ("degraded", "no answer", 0, 20)
        assert status.oldest_ns == occurrence(1).t_ns
        assert len(caplog.records) == 1
        bad.always = None
        assert [number for number, _ in heard(bad, 20)] == list(range(1, 21))
        assert lame.status().status == "ok"


def test_one_that_is_not_understood_makes_way_for_the_next_and_is_tried_again_later(world, monkeypatch):
    ear = Ear(*[REFUSED] * 3)
    outbox, (courier,) = world(ear)
    courier.start()
    put(outbox, None, None)
    assert heard(ear, 1)[0] == (2, False)
    assert (courier.status().refused, courier.status().waiting) == (1, 1)
    monkeypatch.setattr(couriers, "ASIDE_EVERY_S", 0.05)
    assert heard(ear, 2)[1] == (1, True)
    wait_for(lambda: courier.status().waiting == 0, "nothing to be left")


def test_a_fault_of_our_own_in_a_sender_silences_nobody(world, caplog):
    ear = Ear(*[ZeroDivisionError()] * 3)
    outbox, (courier,) = world(ear)
    courier.start()
    put(outbox, None, None)
    assert heard(ear, 1)[0] == (2, False)
    assert "ZeroDivisionError" in caplog.text


def test_who_wants_the_latest_state_gets_no_older_one_once_it_is_behind(world):
    ear = Ear()
    outbox, (courier,) = world(ear, output=msgspec.structs.replace(OUTPUT, deliver="latest"))
    put(outbox, 1, 2, 1, 1, 3)  # alerts 1, 2, 1, 1, 3
    courier.start()
    assert [number for number, _ in heard(ear, 3)] == [2, 4, 5]
    assert courier.status().superseded == 2


def test_only_what_an_output_wants_is_sent_to_it(world):
    ear = Ear()
    output = msgspec.structs.replace(OUTPUT, priorities=("high",), zones=("tower",))
    outbox, (courier,) = world(ear, output=output)
    courier.start()
    put(outbox, None, zones=("tower",))
    put(outbox, None, zones=("gate",))
    put(outbox, None, zones=("gate", "tower"), priority="low")
    put(outbox, None, zones=("gate", "tower"))
    assert [number for number, _ in heard(ear, 2)] == [1, 4]
    assert courier.status().waiting == 0


def test_what_was_under_way_when_a_node_ended_is_sent_again_as_a_repeat_by_the_next(world, tmp_path):
    under_way, go_on = threading.Event(), threading.Event()

    class Slow(Ear):
        def send(self, occurrence):
            under_way.set()
            go_on.wait(10.0)
            raise LOST

    outbox, (courier,) = world(Slow())
    courier.start()
    put(outbox, None, None)
    assert under_way.wait(10.0)
    courier.stop()
    outbox.close()
    go_on.set()
    ear = Ear()
    again, (fresh,) = world(ear)
    fresh.start()
    assert heard(ear, 2) == [(1, True), (2, False)]
    assert again.last_number == 2


def test_a_sender_that_never_comes_back_is_shown(world, monkeypatch):
    never = threading.Event()

    class Stuck(Ear):
        def send(self, occurrence):
            never.wait(10.0)

    monkeypatch.setattr(couriers, "HANGS_S", 0.05)
    outbox, (courier,) = world(Stuck())
    courier.start()
    put(outbox, None)
    assert wait_for(lambda: courier.status().status == "degraded" and courier.status(), "it").trouble.startswith(
        "hangs"
    )
    never.set()


def test_pictures_are_the_newest_and_none_is_sent_twice(world):
    class Map(Ear):
        show_every_s = 0.01

        def show(self, seen):
            self.heard.append(seen)

    ear = Map()
    _, (courier,) = world(ear)
    assert courier.shows
    courier.start()
    for k in range(3):
        courier.show(lambda k=k: f"picture {k}")
        heard(ear, k + 1)
    assert ear.heard == ["picture 0", "picture 1", "picture 2"]
    assert courier.status().pictures == 3
