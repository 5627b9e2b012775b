"""A sensor that fails is one alert, until it speaks again."""

from lowsky.model.events import AlertCleared, AlertRaised, SensorDegraded, SensorDown, SensorUp
from lowsky.model.site import Site
from lowsky.warn.desk import Desk

SITE = Site(name="x", latitude_rad=0.6, longitude_rad=2.2, height_m=0.0)


def down(sensor, t_ns=0):
    return SensorDown(seq=0, t_event_ns=t_ns, sensor=sensor, cause="silent for 9 s")


def test_a_sensor_that_goes_down_raises_one_low_alert_and_clears_it_when_it_is_back():
    desk = Desk(SITE)
    (raised,) = desk.step([down("radar-1")])
    assert isinstance(raised, AlertRaised) and raised.priority == "low" and "radar-1" in raised.title
    assert [alert.id for alert in desk.alerts()] == [raised.alert_id]
    (cleared,) = desk.step([SensorUp(seq=0, t_event_ns=1, sensor="radar-1", cause="data arrives")])
    assert isinstance(cleared, AlertCleared) and cleared.alert_id == raised.alert_id
    (over,) = desk.alerts()
    assert over.state == "cleared-unacknowledged"  # nobody has seen it yet


def test_a_sensor_that_gets_worse_has_one_alert_not_two():
    desk = Desk(SITE)
    desk.step([SensorDegraded(seq=0, t_event_ns=0, sensor="radar-1", cause="late")])
    events = desk.step([down("radar-1", 1)])
    assert [type(event) for event in events] == [AlertCleared, AlertRaised]
    assert [alert.id for alert in desk.alerts()] == [events[1].alert_id] and events[1].instead_of == events[0].alert_id


def test_a_saved_desk_goes_on_with_the_same_alerts_and_new_numbers():
    desk, other = Desk(SITE), Desk(SITE)
    desk.step([down("radar-1")])
    other.load(desk.dump())
    assert other.alerts() == desk.alerts()
    assert other.step([down("radar-2")]) == desk.step([down("radar-2")])
