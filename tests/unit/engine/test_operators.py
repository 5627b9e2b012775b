"""What people do with alerts, through a node: into the stream, onto the disk, and out of it again."""

import asyncio
import socket
import time

from tests.scenarios.node.harness import Plots, feed, free_port, radar, site_text
from tests.unit.engine.test_node import until

from lowsky.clock import LiveClock
from lowsky.engine.config import parse_site
from lowsky.engine.hub import Hub
from lowsky.engine.keeper import Keeper
from lowsky.engine.node import Node, Stage
from lowsky.engine.player import Player, events_of
from lowsky.model.events import AlertAcknowledged
from lowsky.model.ports import OperatorAction
from lowsky.record.reader import open_recording


def acknowledging(alert_id, user="Kim"):
    return OperatorAction(key=f"{user}-{alert_id}-12345", t_ns=0, what="acknowledge", alert_id=alert_id, user=user)


async def silent_radar(node, hub, port):
    """A radar that speaks and falls silent: its alert."""
    plots = Plots("radar-1", port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        while hub.latest() is None or not hub.latest().sensors[0].counts.get("records"):
            out.sendto(plots.message(time.time_ns()), ("127.0.0.1", port))
            await asyncio.sleep(0.05)
    await until_async(lambda: hub.latest().alerts)
    return hub.latest().alerts[0]


async def until_async(found):
    await until(found)


def test_an_acknowledgment_is_answered_once_it_is_on_disk_and_is_there_after_a_crash_and_in_a_replay(tmp_path):
    port, hub, answers = free_port(), Hub(), []
    site_toml = site_text(radar("radar-1", look_period_s=0.1), feed("radar-1", port))
    site, folder = parse_site(site_toml), tmp_path / "r"

    async def live():
        keeper, stop = Keeper(folder, site_toml), asyncio.Event()
        node = Node(site, LiveClock(), hub, Stage("live"), keeper)
        running = asyncio.create_task(node.run(stop))
        alert = await silent_radar(node, hub, port)
        answers.append(await asyncio.wrap_future(node.act(acknowledging(alert.id))))
        durable = [a for tick in open_recording(folder).ticks() for a in tick.actions]  # as a crash now would leave it
        assert [(a.user, a.alert_id) for a in durable] == [("Kim", alert.id)]
        answers.append(await asyncio.wrap_future(node.act(acknowledging(alert.id, "Lee"))))
        answers.append(await asyncio.wrap_future(node.act(acknowledging(999))))
        stop.set()
        await running
        return hub.latest().alerts

    alerts = asyncio.run(live())
    first, again, unknown = answers
    assert first.is_recorded and first.alert.state == "acknowledged" and not first.refused
    assert again.is_recorded and again.alert.acknowledged_by == "Kim", "who was first stands, and asking is no fault"
    assert unknown.refused == "unknown" and "999" in unknown.detail
    (event,) = [e for _, events, _ in events_of(open_recording(folder), site) for e in events
                if isinstance(e, AlertAcknowledged)]  # fmt: skip
    assert (event.user, event.alert_id) == ("Kim", alerts[0].id)
    keeper = Keeper(folder, site_toml)
    try:
        assert [a.acknowledged_by for a in keeper.restored_pipeline(site).alerts] == ["Kim"]
    finally:
        keeper.close(None)


def test_in_a_replay_nothing_can_be_done(tmp_path):
    player = Player(None, None, Hub(), None)
    outcome = player.act(acknowledging(1)).result(timeout=1)
    assert outcome.refused and "replay" in outcome.detail
