"""A replay at its own pace: jumps are never forgotten, and nobody waits where nothing was recorded."""

import threading
import time
from pathlib import Path

import pytest

from lowsky.engine.hub import Hub
from lowsky.engine.pipeline import Pipeline
from lowsky.engine.player import Player
from lowsky.errors import InvariantError
from lowsky.model.ports import Tick
from lowsky.model.site import Sensor, Site
from lowsky.wire.columns import encode_tick

S = 1_000_000_000
HOUR = 3600 * S
PLACE = {"latitude_rad": 0.6, "longitude_rad": 2.2, "height_m": 10.0}
SITE = Site(name="Tape", sensors=(Sensor(id="rid-1", kind="cooperative", **PLACE),), **PLACE)
PATIENCE_S = 20.0


class Tape:
    """A recording of nothing but time; ``on_tick`` sees each tick before it is handed out."""

    def __init__(self, times_ns, on_tick=lambda t_ns: None):
        self.span_ns = (times_ns[0], times_ns[-1])
        self._times_ns, self._on_tick = times_ns, on_tick

    def actions(self, until_ns=None):
        return iter(())  # nobody did anything

    def ticks(self, from_ns=None):
        for t_ns in self._times_ns:
            if from_ns is None or t_ns >= from_ns:
                self._on_tick(t_ns)
                yield Tick(t_ns)


def grid(from_ns, seconds):
    return [from_ns + k * S // 4 for k in range(4 * seconds)]


@pytest.fixture
def play():
    """Start a player in a thread; it is stopped at the end of the test."""
    players = []

    def start(player):
        thread = threading.Thread(target=player.run, daemon=True)
        players.append((player, thread))
        thread.start()
        return player

    yield start
    for player, thread in players:
        player.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def wait_for(found):
    end = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < end
        time.sleep(0.01)


def shown_ns(hub):
    picture = hub.latest()
    return picture.snapshot.t_ns if picture is not None else 0


def test_nobody_waits_for_the_hours_in_which_the_node_was_down(play):
    hub, times_ns = Hub(), [*grid(HOUR, 1), *grid(2 * HOUR, 1)]
    play(Player(Tape(times_ns), SITE, hub, speed=4.0))
    wait_for(lambda: shown_ns(hub) == times_ns[-1])


def test_a_jump_asked_for_while_another_gets_warm_is_taken_up_at_once(play):
    handed_out = []

    def on_tick(t_ns):
        handed_out.append(t_ns)
        if len(handed_out) == 8:  # in the unseen minute before the first aim
            player.seek(times_ns[0])

    hub, times_ns = Hub(), grid(HOUR, 300)
    player = Player(Tape(times_ns, on_tick), SITE, hub, speed=None)
    player.seek(HOUR + 200 * S)
    play(player)
    wait_for(lambda: len(handed_out) > 20)
    assert max(handed_out[:10]) < HOUR + 200 * S


def test_a_jump_asked_for_while_the_last_one_begins_is_not_forgotten(play):
    class Between(threading.Event):
        """Lets somebody ask for a jump at the worst moment, once."""

        asked = False

        def clear(self):
            if not self.asked:
                self.asked = True
                asking = threading.Thread(target=player.seek, args=(HOUR + 250 * S,))
                asking.start()
                asking.join(0.5)
            super().clear()

    hub, times_ns = Hub(), grid(HOUR, 300)
    player = Player(Tape(times_ns), SITE, hub, speed=1.0)  # by itself it comes there in minutes
    player._wake = Between()
    play(player)
    wait_for(lambda: hub.latest() is not None)
    player.seek(HOUR + 100 * S)
    wait_for(lambda: shown_ns(hub) >= HOUR + 250 * S)


def test_a_tick_that_shows_a_bug_of_ours_is_saved_and_said_in_one_line(monkeypatch, tmp_path):
    def step(self, tick):
        if tick.t_ns >= HOUR + S:
            raise KeyError("a bug")
        return []

    monkeypatch.chdir(tmp_path)  # where it is saved
    monkeypatch.setattr(Pipeline, "step", step)
    with pytest.raises(InvariantError, match=r"^the pipeline failed on the tick saved in [^\n]+: KeyError") as raised:
        Player(Tape(grid(HOUR, 3)), SITE, Hub(), None).run()
    assert Path(raised.value.batch_ref).read_bytes() == encode_tick(Tick(HOUR + S))
