"""Zones that are put over the API while rules are watching: at the desk, without a node."""

import math

import msgspec
import pytest
from tests.unit.warn.test_rules import HEAD, flown, snapshot

from lowsky.engine.config import parse_site
from lowsky.model.events import (
    ActionRefused,
    AlertCleared,
    AlertRaised,
    SensorDown,
    SensorUp,
    ZonePut,
    ZoneRemoved,
)
from lowsky.model.ports import OperatorAction
from lowsky.model.zone import Zone
from lowsky.warn.desk import Desk
from lowsky.warn.putzones import MOST_PUT

RULE = """[[rule]]
id = "inside"
priority = "high"
zones = {zones}
classes = "drone"
"""
HERE = (math.radians(45.0), math.radians(8.0))


def circle(name="fair", radius_m=300.0, **more):
    return Zone(**({"id": f"api/{name}", "shape": "circle", "corners": (HERE,), "reach_m": radius_m} | more))


def putting(zone, name="fair", key="k" * 8):
    return OperatorAction(key=key, t_ns=0, what="put-zone", user="Kim", seat="tower 2", zone_id=name, zone=zone)


def removing(name="fair"):
    return OperatorAction(key="k" * 8, t_ns=0, what="remove-zone", user="Lee", zone_id=name)


def desk(zones='["api"]', text=""):
    return Desk(parse_site(HEAD + RULE.format(zones=zones) + text))


@pytest.mark.parametrize("zones", ['["api"]', '["api/fair"]', '["api", "tower"]'])
def test_a_rule_for_zones_of_the_api_tells_of_one_from_when_it_is_put(zones):
    here, far = desk(zones), [(3000, 0, 100)]
    there = circle(corners=((HERE[0], HERE[1] + 3000.0 / 6.38e6 / math.cos(HERE[0])),))
    assert flown(here, far, [(1, 0, 0)], 5) == [], "nothing was put: a rule for nothing, and not for everywhere"
    (put,) = here.act([putting(there)], 1)
    assert isinstance(put, ZonePut) and (put.zone_id, put.user, put.seat) == ("api/fair", "Kim", "tower 2")
    assert "a circle of 300 m" in put.cause
    events = [event for t in range(10, 16) for event in here.watch(snapshot(t, far, [(1, 0, 0)]))]
    assert [type(event) for event in events] == [AlertRaised] and here.alerts()[0].zones == ("api/fair",)


def test_an_alert_ends_after_its_zone_was_taken_away_and_the_site_is_as_it_was():
    here = desk()
    own = here.site
    here.act([putting(circle())], 1)
    assert here.site is not own
    assert len(flown(here, [(0, 0, 100)], [(0, 0, 0)], 5)) == 1
    (removed,) = here.act([removing()], 2)
    assert isinstance(removed, ZoneRemoved) and removed.user == "Lee" and here.site is own
    ends = [event for t in range(5, 45) for event in here.watch(snapshot(t, [(0, 0, 100)], [(0, 0, 0)]))]
    assert [type(event) for event in ends] == [AlertCleared]


def test_who_is_in_a_zone_that_is_changed_stays_one_alert():
    here = desk()
    here.act([putting(circle())], 1)
    events = flown(here, [(0, 0, 100)], [(0, 0, 0)], 5)
    here.act([putting(circle(radius_m=900.0))], 2)
    events += [event for t in range(5, 60) for event in here.watch(snapshot(t, [(0, 0, 100)], [(0, 0, 0)]))]
    assert len(events) == 1


def test_the_same_zone_again_changes_nothing_and_is_no_fault():
    here = desk()
    assert len(here.act([putting(circle())], 1)) == 1
    site = here.site
    assert here.act([putting(circle(), key="another-key")], 2) == [] and here.site is site


@pytest.mark.parametrize(
    ("action", "why", "cause"),
    [
        (putting(circle("tower"), "tower"), "impossible", "the site file"),
        (removing("tower"), "impossible", "the site file"),
        (removing("nowhere"), "unknown", "no zone nowhere"),
        (putting(None), "impossible", "no zone"),
        (putting(circle("other")), "impossible", "no zone"),
        (putting(circle(corners=())), "impossible", "no zone"),
        (putting(circle(corners=((math.nan, 0.0),))), "impossible", "no zone"),
        (putting(circle(shape="sphere")), "impossible", "no zone"),
        (putting(circle(floor_m=9.0, ceiling_m=8.0)), "impossible", "no zone"),
        (putting(circle(shape="polygon", corners=(HERE,) * 10_001)), "impossible", "no zone"),
        (putting(circle(radius_m=math.inf)), "impossible", "no zone"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_and_the_desk_goes_on(action, why, cause):
    here = desk()
    (event,) = here.act([action], 1)
    assert isinstance(event, ActionRefused) and event.why == why and cause in event.cause
    assert here.watch(snapshot(0, [(0, 0, 100)], [(0, 0, 0)])) == [] and len(here.site.zones) == 1


def test_so_many_zones_at_most_and_one_that_is_there_may_still_be_changed():
    here = desk()
    for k in range(MOST_PUT):
        assert isinstance(here.act([putting(circle(f"z{k}"), f"z{k}")], 1)[0], ZonePut)
    assert isinstance(here.act([putting(circle("more"), "more")], 1)[0], ActionRefused)
    assert isinstance(here.act([putting(circle("z7", 20.0), "z7")], 1)[0], ZonePut)


def test_coverage_that_a_zone_of_the_api_loses_is_an_alert_also_where_it_is_put_later():
    here = desk()
    down = SensorDown(seq=0, t_event_ns=1, sensor="radar-1", cause="silent")
    assert unwatched(here.step([down])) == []
    assert unwatched(here.act([putting(circle())], 2)) == [("api/fair",)]
    assert unwatched(here.act([putting(circle("fete"), "fete")], 3)) == [("api/fair", "api/fete")]
    assert here.act([removing("fete")], 4)[1:] == [], "fewer are lost: nobody is told again"
    assert [alert.zones for alert in here.alerts() if alert.unwatched and not alert.cleared_ns] == [("api/fair",)]
    back = here.step([SensorUp(seq=0, t_event_ns=5, sensor="radar-1", cause="data arrives")])
    assert [type(event) for event in back] == [AlertCleared, AlertCleared]


def unwatched(events):
    return [tuple(event.title.split(" is")[0].split(" are")[0].split(", "))
            for event in events if isinstance(event, AlertRaised) and event.sensor is None]  # fmt: skip


def test_a_saved_desk_goes_on_with_its_zones_and_says_the_same():
    one = desk()
    one.act([putting(circle())], 1)
    flown(one, [(0, 0, 100)], [(0, 0, 0)], 2)
    other = desk()
    other.load(one.dump())
    assert other.dump() == one.dump() and other.site == one.site
    later = [snapshot(t, [(0, 0, 100)], [(0, 0, 0)]) for t in range(2, 6)]
    assert [one.watch(s) for s in later] == [other.watch(s) for s in later] != [[]] * 4


def test_what_was_done_before_is_recalled_in_its_order_and_says_nothing():
    here = desk()
    noise = OperatorAction(key="n" * 8, t_ns=0, what="acknowledge", alert_id=3, user="Kim")
    acts = [putting(circle()), noise, putting(circle("fete"), "fete"), removing("fair"), removing("fair")]
    here.recall(acts)
    assert [zone.id for zone in here.site.zones] == ["tower", "api/fete"] and here.alerts() == ()


def test_an_action_with_a_zone_goes_through_the_recording_bit_for_bit():
    action = putting(circle(floor_m=10.0, label="Fair"))
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(action), type=OperatorAction)
    assert again == action and again.zone.ceiling_m == math.inf
