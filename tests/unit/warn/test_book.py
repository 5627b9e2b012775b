"""The life of an alert: what people and time make of it."""

import msgspec
import pytest

from lowsky.model.desk import DeskSettings
from lowsky.model.events import (
    ActionRefused,
    AlertAcknowledged,
    AlertCleared,
    AlertEscalated,
    AlertRaised,
    AlertRaisedHigher,
    AlertShelved,
    AlertUnshelved,
    FloodBegan,
    FloodEnded,
)
from lowsky.model.ports import OperatorAction
from lowsky.model.status import Alert
from lowsky.warn.book import Book

SECOND = 1_000_000_000
HOUR = 3600 * SECOND


def alert(number=1, priority="high", t_ns=0, **more):
    return Alert(id=number, priority=priority, title=f"alert {number}", raised_ns=t_ns, **({"rule": "r"} | more))


def action(what, number=1, key=None, **more):
    return OperatorAction(
        key=key or f"{what}-{number}", t_ns=0, what=what, alert_id=number, **({"user": "Kim", "seat": "2"} | more)
    )


@pytest.fixture
def book():
    return Book(DeskSettings(second_recipient="the duty officer"))


def state(book, number=1):
    return next((a.state for a in book.alerts() if a.id == number), "gone")


def kinds(events):
    return [type(event) for event in events]


def test_an_alert_is_new_until_it_is_acknowledged_and_leaves_when_it_is_over(book):
    book.open(alert(), "why")
    assert state(book) == "new"
    (event,) = book.act([action("acknowledge")], 5 * SECOND)
    assert (type(event), event.user, event.seat, event.t_event_ns) == (AlertAcknowledged, "Kim", "2", 5 * SECOND)
    assert state(book) == "acknowledged"
    assert kinds(book.clear(1, 9 * SECOND, "gone")) == [AlertCleared]
    assert state(book) == "gone"


def test_what_is_over_and_was_not_seen_stays_until_somebody_acknowledges_it(book):
    book.open(alert(), "why")
    book.clear(1, SECOND, "gone")
    book.pass_time(24 * HOUR)
    assert state(book) == "cleared-unacknowledged"
    assert kinds(book.act([action("acknowledge")], 24 * HOUR)) == [AlertAcknowledged]
    assert state(book) == "gone"


def test_acknowledging_twice_keeps_who_was_first(book):
    book.open(alert(), "why")
    book.act([action("acknowledge", key="one-of-two")], SECOND)
    assert book.act([action("acknowledge", key="two-of-two", user="Lee")], 2 * SECOND) == []
    (known,) = book.alerts()
    assert (known.acknowledged_by, known.acknowledged_ns) == ("Kim", SECOND)


def test_a_shelf_ends_by_itself_and_the_alert_is_new_again(book):
    book.open(alert(), "why")
    (shelved,) = book.act([action("shelve", text="training", limit_s=900)], SECOND)
    assert (type(shelved), shelved.cause, shelved.until_ns) == (AlertShelved, "training", 901 * SECOND)
    assert book.pass_time(900 * SECOND) == [] and state(book) == "shelved"
    (event,) = book.pass_time(901 * SECOND)
    assert isinstance(event, AlertUnshelved) and event.user is None
    assert state(book) == "new"
    assert kinds(book.pass_time(931 * SECOND)) == [AlertEscalated], "it waits from the end of the shelf on"


def test_a_shelf_needs_a_reason_and_ends_after_eight_hours_at_the_latest(book):
    book.open(alert(), "why")
    for wrong in ({"text": "", "limit_s": 900}, {"text": "x", "limit_s": 0}, {"text": "x", "limit_s": 8 * 3600 + 1}):
        (event,) = book.act([action("shelve", key=str(wrong)[:40], **wrong)], 0)
        assert isinstance(event, ActionRefused) and event.why == "impossible"
    assert state(book) == "new"


def test_a_shelved_sensor_that_fails_again_stays_on_the_shelf_but_an_object_never_does(book):
    book.open(alert(1, "low", sensor="radar-1", rule=None), "silent")
    book.act([action("shelve", 1, text="being repaired", limit_s=3600)], SECOND)
    book.clear(1, 2 * SECOND, "back")
    assert state(book) == "gone"
    assert kinds(book.open(alert(2, "low", 3 * SECOND, sensor="radar-1", rule=None), "silent")) == [
        AlertRaised,
        AlertShelved,
    ]
    book.open(alert(3, t_ns=3 * SECOND), "why")
    book.act([action("shelve", 3, text="known drone", limit_s=3600)], 4 * SECOND)
    book.clear(3, 5 * SECOND, "gone")
    book.open(alert(4, t_ns=6 * SECOND), "another")
    assert (state(book, 2), state(book, 4)) == ("shelved", "new")


def test_a_sensor_that_comes_and_goes_is_one_alert_in_the_list_and_says_how_often(book):
    for number in (1, 2, 3):
        (raised,) = book.open(alert(number, "low", number * SECOND, sensor="radar-1", rule=None), "silent")
        assert raised.instead_of == (number - 1 or None)
        book.clear(number, number * SECOND + 1, "back")
    (known,) = book.alerts()
    assert (known.id, known.times) == (3, 3)


def test_an_alert_that_becomes_more_urgent_is_new_again_from_any_state(book):
    book.open(alert(1, "medium"), "why")
    book.act([action("acknowledge")], SECOND)
    assert kinds(book.become_higher(alert(1, "high"), 2 * SECOND)) == [AlertRaisedHigher]
    assert state(book) == "new"
    book.open(alert(2, "low"), "why")
    book.act([action("shelve", 2, text="x", limit_s=900)], SECOND)
    assert kinds(book.become_higher(alert(2, "medium"), 2 * SECOND)) == [AlertRaisedHigher, AlertUnshelved]
    assert state(book, 2) == "new"


def test_a_high_alert_that_nobody_acknowledges_becomes_louder_and_then_the_second_recipient_is_told(book):
    book.open(alert(1), "why")
    book.open(alert(2, "medium"), "why")
    told = [(s, e.level, e.recipient) for s in range(200) for e in book.pass_time(s * SECOND)]
    assert told == [(30, 1, ""), (60, 2, "the duty officer")]
    assert (state(book, 1), state(book, 2)) == ("escalated", "new")
    book.act([action("acknowledge")], 201 * SECOND)
    assert state(book) == "acknowledged"


def test_a_clock_that_jumps_an_hour_escalates_once_and_ends_the_shelf(book):
    book.open(alert(1), "why")
    book.open(alert(2), "why")
    book.act([action("shelve", 2, text="x", limit_s=900)], 0)
    events = book.pass_time(HOUR)
    assert kinds(events) == [AlertEscalated, AlertUnshelved]
    assert events[0].level == 2
    assert book.pass_time(HOUR + SECOND) == []


def test_a_clock_that_is_set_back_leaves_shelves_and_floods_as_long_as_they_would_have_been(book):
    book.history.begin(10 * HOUR)
    for number in range(1, 11):
        book.open(alert(number, "low", 10 * HOUR, rule=None, sensor=f"radar-{number}"), "silent")
    book.act([action("shelve", text="being repaired", limit_s=3600)], 10 * HOUR)
    assert book.status().flood_since_ns is not None
    book.set_back(8 * HOUR, 2 * HOUR)
    assert kinds(book.pass_time(9 * HOUR - SECOND)) == [FloodEnded] and state(book) == "shelved"
    assert kinds(book.pass_time(9 * HOUR)) == [AlertUnshelved] and state(book) == "new"
    assert book.history.figures(9 * HOUR).window_s == 3600.0


def test_what_is_asked_of_an_alert_that_is_not_there_or_another_one_is_refused_with_a_reason(book):
    book.open(alert(1, t_ns=100 * SECOND), "why")
    (unknown,) = book.act([action("acknowledge", 7)], 101 * SECOND)
    (stale,) = book.act([action("acknowledge", 1, raised_ns=5 * SECOND)], 101 * SECOND)
    assert (unknown.why, stale.why) == ("unknown", "stale")
    assert "7" in unknown.cause and state(book) == "new"


def test_the_same_key_is_the_same_act(book):
    book.open(alert(), "why")
    retried = action("note", key="written-once", text="seen from the tower")
    events = book.act([retried, retried], SECOND)
    assert len(events) == 1 and len(book.alerts()[0].notes) == 1


def test_ten_alerts_in_ten_minutes_are_a_flood_that_is_told_once_and_ends(book):
    told = []
    for number in range(1, 26):
        told += [(number, e) for e in book.open(alert(number, "low", number * SECOND), "x") if type(e) is FloodBegan]
    ((at, began),) = told
    assert (at, began.alerts) == (10, 10)
    assert book.status().flood_alerts == 25 and len(book.alerts()) == 25
    (ended,) = [e for s in range(25, 700) for e in book.pass_time(s * SECOND) if type(e) is FloodEnded]
    assert ended.alerts == 25 and 600 < ended.t_event_ns / SECOND < 625
    assert book.status().flood_since_ns is None


def test_a_saved_book_goes_on_exactly(book):
    for number in range(1, 12):
        book.open(alert(number, ("high", "medium", "low")[number % 3], number * SECOND), "x")
    acts = [action("acknowledge", 2), action("shelve", 3, text="x", limit_s=60), action("note", 4, text="y")]
    book.act(acts, 20 * SECOND)
    book.clear(5, 21 * SECOND, "gone")
    other = Book(DeskSettings(second_recipient="the duty officer"))
    other.load(msgspec.msgpack.decode(msgspec.msgpack.encode(book.dump())))
    assert other.alerts() == book.alerts() and other.dump() == book.dump()
    for s in range(22, 900, 7):
        assert other.pass_time(s * SECOND) == book.pass_time(s * SECOND)
    assert other.act(acts, 900 * SECOND) == [], "actions of before are known again"
