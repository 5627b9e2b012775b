"""What people do with alerts, through a node: into the stream, onto the disk, and out of it again."""

import asyncio
import socket

from tests.scenarios.node.harness import feed, free_port, radar, site_text
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


async def down(hub):
    """The alert of a sensor that nobody serves: it stays what it is, however slow the machine."""

    def found():
        alerts = () if hub.latest() is None else hub.latest().alerts
        return [alert for alert in alerts if alert.title.startswith("radar-1 down")]

    await until(found)
    return found()[0]


def test_an_acknowledgment_is_answered_once_it_is_on_disk_and_is_there_after_a_crash_and_in_a_replay(tmp_path):
    hub, answers = Hub(), []
    site_toml = site_text(radar("radar-1"), feed("radar-1", free_port(socket.SOCK_STREAM), "tcp"))
    site, folder = parse_site(site_toml), tmp_path / "r"

    async def live():
        keeper, stop = Keeper(folder, site_toml), asyncio.Event()
        node = Node(site, LiveClock(), hub, Stage("live"), keeper)
        running = asyncio.create_task(node.run(stop))
        alert = await down(hub)
        answers.append(await asyncio.wrap_future(node.act(acknowledging(alert.id))))
        durable = [a for tick in open_recording(folder).ticks() for a in tick.actions]  # as a crash now would leave it
        assert [(a.user, a.alert_id) for a in durable] == [("Kim", alert.id)]
        answers.append(await asyncio.wrap_future(node.act(acknowledging(alert.id, "Lee"))))
        answers.append(await asyncio.wrap_future(node.act(acknowledging(999))))
        stop.set()
        await running
        return alert.id

    alert_id = asyncio.run(live())
    first, again, unknown = answers
    assert first.is_recorded and first.alert.state == "acknowledged" and not first.refused
    assert again.is_recorded and again.alert.acknowledged_by == "Kim", "who was first stands, and asking is no fault"
    assert unknown.refused == "unknown" and "999" in unknown.detail
    (event,) = [e for _, events, _ in events_of(open_recording(folder), site) for e in events
                if isinstance(e, AlertAcknowledged)]  # fmt: skip
    assert (event.user, event.alert_id) == ("Kim", alert_id)
    keeper = Keeper(folder, site_toml)
    try:
        alerts = keeper.restored_pipeline(site).alerts
        assert [a.acknowledged_by for a in alerts if a.id == alert_id] == ["Kim"]
    finally:
        keeper.close(None)


def test_in_a_replay_nothing_can_be_done(tmp_path):
    player = Player(None, None, Hub(), None)
    outcome = player.act(acknowledging(1)).result(timeout=1)
    assert outcome.refused and "replay" in outcome.detail
