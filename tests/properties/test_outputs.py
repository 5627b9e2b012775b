"""Whatever an occurrence holds, what goes out is what its standard says it is."""

import math

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from takproto import parse_proto
from tests.capped import SITE, assert_valid, composer
from tests.occurrences import OCCURRENCES

from lowsky.model.occurrence import Seen
from lowsky.outputs.cap.sign import written
from lowsky.outputs.cot.event import Drawing, alert_event, objects
from lowsky.outputs.cot.kind import encoded

COMPOSERS = [
    composer(sensors=True, identities=identities, languages=languages)
    for identities in (False, True)
    for languages in (("en",), ("de", "ko"))
]


@given(OCCURRENCES, st.sampled_from(COMPOSERS))
def test_any_occurrence_is_a_valid_cap_message_or_none(told, by):
    alert = by.message(told)
    if alert is None:
        assert told.change not in ("raised", "raised-higher", "escalated")
        return
    body = written(alert, None)
    assert_valid(body)
    assert len(body) < 40_000
    assert by.message(told) is not alert and written(by.message(told), None) == body
    status = etree.fromstring(body).findtext("{*}status")
    assert status == ("Exercise" if told.is_exercise else "Actual")


@given(OCCURRENCES)
def test_an_occurrence_that_is_never_sent_twice_names_only_what_was_sent(told):
    told = msgspec.structs.replace(told, change="cleared")
    sent = [r for r in told.references if r.change in ("raised", "raised-higher", "escalated", "cleared")]
    alert = COMPOSERS[0].message(told)
    named = "" if alert is None else alert.findtext("{*}references")
    assert len(named.split()) == len(sent)


def assert_event(event):
    """As MITRE's schema has it: times, a point in range, a type that is never hostile."""
    body = encoded(event, "xml", True)
    again = etree.fromstring(body)
    assert etree.tostring(again, method="c14n") == etree.tostring(event, method="c14n") and len(body) < 8_000
    assert all(again.get(name) for name in ("version", "uid", "type", "time", "start", "stale", "how"))
    assert again.get("time") <= again.get("stale") and again.get("type")[:4] in ("a-u-", "a-n-", "a-s-", "b-a-")
    point = {name: float(value) for name, value in again.find("point").attrib.items()}
    assert all(map(math.isfinite, point.values())) and abs(point["lat"]) <= 90.0 and abs(point["lon"]) <= 180.0
    assert point["ce"] >= 0.0 and point["le"] >= 0.0
    for is_datagram in (True, False):
        told = parse_proto(bytearray(encoded(event, "protobuf", is_datagram))).cotEvent
        assert (told.uid, told.type) == (event.get("uid"), event.get("type"))
        assert (told.lat, told.lon) == (point["lat"], point["lon"])
        etree.fromstring(f"<detail>{told.detail.xmlDetail}</detail>")


@given(OCCURRENCES, st.booleans())
def test_any_occurrence_and_its_objects_are_events_that_others_can_read(told, flag):
    drawing = Drawing("lowsky-x", civil=flag, identities=flag, operators=flag)
    event = alert_event(told, SITE, drawing)
    assert_event(event)
    assert (event.get("opex") == "e") == told.is_exercise
    seen = Seen(t_ns=told.t_ns, site=told.site, subjects=told.subjects, is_exercise=told.is_exercise)
    for shown in objects(seen, drawing):
        assert_event(shown)
