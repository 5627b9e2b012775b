"""Events become occurrences: each once, with all in it, also over a restart that lost the last second."""

import math
from types import SimpleNamespace

import msgspec
import pytest
from tests.unit.serve.pictures import SECOND, SITE, T0, snapshot

from lowsky.engine.teller import FOUND_AGAIN_NS, Teller
from lowsky.model.events import AlertCleared, AlertRaised, AlertRaisedHigher, SensorUp
from lowsky.model.occurrence import Occurrence
from lowsky.model.status import Alert
from lowsky.model.zone import Zone

RULE = {"rule": "near", "zones": ("tower",), "track_id": 2, "track_ids": (2, 3)}
SENSOR = {"sensor": "radar-1"}


def alert(number, priority="medium", **more):
    return Alert(id=number, priority=priority, title=f"alert {number}", raised_ns=T0, **more)


def event(kind, of, t_s, **more):
    own = {} if kind is AlertCleared else {"priority": of.priority, "title": of.title}
    own |= {"sensor": of.sensor, "track_id": of.track_id} if kind is AlertRaised else {}
    return kind(seq=0, t_event_ns=T0 + int(t_s * SECOND), cause="because", alert_id=of.id, **(own | more))


def at(t_s, *alerts, ids=(1, 2, 3), zones=()):
    """A pipeline at a time, with these alerts open."""
    t_ns = T0 + int(t_s * SECOND)
    site = msgspec.structs.replace(SITE, zones=zones)
    return SimpleNamespace(t_ns=t_ns, alerts=alerts, site=site, snapshot=lambda at_ns: snapshot(t_ns, ids))


def words(occurrences):
    return [(o.number, o.change, o.alert_id) for o in occurrences]


def test_an_alert_is_told_from_its_begin_to_its_end_with_references_to_what_was_told_before():
    teller, near = Teller(SITE, "s", 0), alert(7, **RULE)
    urgent = msgspec.structs.replace(near, priority="high", zones=("gate",))
    told = teller.take([SensorUp(seq=0, t_event_ns=T0, cause="", sensor="x"), event(AlertRaised, near, 0)], at(0, near))
    told += teller.take([event(AlertRaisedHigher, urgent, 1)], at(1, urgent))
    told += teller.take([event(AlertCleared, urgent, 2)], at(2, ids=(1,)))
    assert words(told) == [(1, "raised", 7), (2, "raised-higher", 7), (3, "cleared", 7)]
    assert [[r.number for r in o.references] for o in told] == [[], [1], [1, 2]]
    assert {o.key for o in told} == {"s-1"}
    assert [o.priority for o in told] == ["medium", "high", "high"]
    # who was told of one zone also hears of what happens in the next
    assert [o.zones for o in told] == [("tower",), ("tower", "gate"), ("tower", "gate")]
    assert [s.track_id for s in told[0].subjects] == [2, 3] and told[0].count == 2
    assert told[0].subjects[0].class_name == "multirotor" and told[0].subjects[0].latitude_rad is not None
    # its objects are gone from the picture: what was last known of them stays
    assert told[2].subjects == told[1].subjects


def test_a_zone_that_came_over_the_api_goes_with_what_is_told_of_it_until_the_alert_is_over():
    """Its shape is in no site file, and it may be taken away before its alert ends."""
    fair = Zone(id="api/fair", shape="circle", corners=((0.65, 2.2),), reach_m=5.0, ceiling_m=90.0)
    own = Zone(id="tower", shape="circle", corners=((0.65, 2.2),), reach_m=5.0)
    near = alert(7, **(RULE | {"zones": ("api/fair", "tower")}))
    teller = Teller(SITE, "s", 0)
    told = teller.take([event(AlertRaised, near, 0)], at(0, near, zones=(own, fair)))
    urgent = msgspec.structs.replace(near, priority="high")
    told += teller.take([event(AlertRaisedHigher, urgent, 1)], at(1, urgent, zones=(own,)))
    told += teller.take([event(AlertCleared, urgent, 2)], at(2))
    place = msgspec.structs.replace(fair, ceiling_m=math.inf)
    assert [o.put_zones for o in told] == [(place,)] * 3
    kept = msgspec.json.decode(msgspec.json.encode(told[0]), type=Occurrence)
    assert kept == told[0], "as the outbox keeps it"


def test_an_exercise_is_marked_on_everything():
    teller = Teller(msgspec.structs.replace(SITE, exercise=True), "s", 0)
    assert teller.take([event(AlertRaised, alert(1), 0)], at(0, alert(1)))[0].is_exercise


def test_the_events_that_a_start_replays_are_told_once_and_those_that_were_not_told_are():
    first, near, down = Teller(SITE, "s", 0), alert(1, **RULE), alert(2, **SENSOR)
    told = first.take([event(AlertRaised, near, 0)], at(0, near))
    again = Teller(SITE, "s", 1, told)
    replayed = again.take([event(AlertRaised, near, 0)], at(0, near))
    replayed += again.take([event(AlertRaised, down, 1)], at(1, near, down))
    replayed += again.settle(at(1, near, down))
    assert words(replayed) == [(2, "raised", 2)]


@pytest.mark.parametrize(("of", "other"), [(RULE, SENSOR), (SENSOR, RULE)])
def test_an_alert_of_the_lost_second_is_found_again_or_told_as_over(of, other):
    told = Teller(SITE, "s", 0).take([event(AlertRaised, alert(5, **of), 0)], at(0, alert(5, **of)))
    # given a start that knows nothing of it, WHEN the same situation comes again, with another number
    again = Teller(SITE, "s", 1, told)
    assert again.settle(at(0)) == []
    assert again.take([event(AlertRaised, alert(1, **of), 1)], at(1, alert(1, **of))) == []  # it has been told
    (end,) = again.take([event(AlertCleared, alert(1, **of), 2)], at(2))
    assert (end.change, end.key) == ("cleared", "s-1")
    # and when something else comes with its number
    again = Teller(SITE, "s", 1, told)
    again.settle(at(0))
    assert words(again.take([event(AlertRaised, alert(5, **other), 1)], at(1, alert(5, **other)))) == [(2, "raised", 5)]
    (end,) = again.take([], at(1 + FOUND_AGAIN_NS / SECOND))
    assert (end.change, end.key) == ("cleared", "s-1") and "restart" in end.cause
    (end,) = again.take([event(AlertCleared, alert(5, **other), 99)], at(99))
    assert (end.change, end.key) == ("cleared", "s-2")


def test_one_that_is_more_urgent_when_it_is_found_again_is_told_as_that():
    near = alert(5, **RULE)
    told = Teller(SITE, "s", 0).take([event(AlertRaised, near, 0)], at(0, near))
    again, high = Teller(SITE, "s", 1, told), alert(1, "high", **RULE)
    again.settle(at(0))
    assert words(again.take([event(AlertRaised, high, 1)], at(1, high))) == [(2, "raised-higher", 1)]


def test_an_alert_found_again_is_still_the_same_after_one_more_restart():
    near, renamed = alert(5, **RULE), alert(1, **RULE)
    told = Teller(SITE, "s", 0).take([event(AlertRaised, near, 0)], at(0, near))
    second = Teller(SITE, "s", 1, told)
    second.settle(at(0))
    second.take([event(AlertRaised, renamed, 1)], at(1, renamed))
    third = Teller(SITE, "s", 1, told)
    assert third.settle(at(2, renamed)) == []
    assert third.take([], at(200, renamed)) == []
    assert third.take([event(AlertCleared, renamed, 201)], at(201))[0].key == "s-1"


def test_a_pipeline_that_was_not_restored_gives_out_the_same_numbers_and_nothing_is_mixed_up():
    near, down = alert(1, **RULE), alert(1, **SENSOR)
    told = Teller(SITE, "s", 0).take([event(AlertRaised, near, 0)], at(0, near))
    again = Teller(SITE, "s", 1, told)
    fresh = again.take([event(AlertRaised, down, 30)], at(30, down))
    assert words(fresh + again.settle(at(30, down))) == [(2, "raised", 1)]
    (end,) = again.take([], at(91, down))
    assert (end.key, end.change) == ("s-1", "cleared")


def test_what_another_outbox_counted_is_not_referred_to():
    near = alert(1, **RULE)
    told = Teller(SITE, "old", 0).take([event(AlertRaised, near, 0)], at(0, near))
    assert Teller(SITE, "new", 0, told).settle(at(1, near))[0].references == ()
