"""What a CoT event says of an object, of a pilot and of an alert."""

import math

import msgspec
import pytest
from lxml import etree
from takproto import parse_proto
from tests.capped import CHECKS, DRONE, RAISED, SITE, T_NS, later

from lowsky.model.classes import BY_LABEL
from lowsky.model.occurrence import IDENTITY_STATES, Seen, Subject
from lowsky.model.zone import Zone
from lowsky.outputs.cot.event import UNKNOWN, Drawing, alert_event, objects, written_time
from lowsky.outputs.cot.kind import encoded, prefix_of
from lowsky.outputs.cot.kinds import FUNCTION, type_of

DRAWING = Drawing(prefix="lowsky-Harbour")


def seen(*subjects, **more):
    return Seen(**({"t_ns": T_NS, "site": "Harbour", "subjects": subjects} | more))


def shown(subject=DRONE, drawing=DRAWING, **more):
    (event,) = objects(seen(subject, **more), drawing)
    return event


def test_an_object_has_place_time_course_speed_and_one_sigma_errors():
    event = shown()
    assert event.attrib == {
        "version": "2.0", "uid": "lowsky-Harbour.T12", "type": "a-s-A-M-H-Q", "how": "m-f",
        "time": "2027-01-15T08:00:00.123Z", "start": "2027-01-15T08:00:00.123Z", "stale": "2027-01-15T08:00:10.123Z",
    }  # fmt: skip
    assert dict(event.find("point").attrib) == {
        "lat": "52.0050000", "lon": "13.0100000", "hae": "100.0", "ce": "12.3", "le": "10.2",
    }  # fmt: skip
    assert dict(event.find("detail/track").attrib) == {"course": "45.0", "speed": "9.90"}
    assert event.find("detail/contact").get("callsign") == "T12 multirotor"


def test_what_is_not_known_is_not_zero():
    event = shown(Subject(track_id=1, latitude_rad=0.0, longitude_rad=0.0))
    assert {float(event.find("point").get(name)) for name in ("hae", "ce", "le")} == {UNKNOWN}
    assert event.find("detail/track") is None
    nowhere = [Subject(track_id=1), Subject(track_id=2, latitude_rad=math.nan, longitude_rad=0.0),
               Subject(track_id=3, latitude_rad=2.0, longitude_rad=0.0)]  # fmt: skip
    assert list(objects(seen(*nowhere), DRAWING)) == []


@pytest.mark.parametrize("state", IDENTITY_STATES)
@pytest.mark.parametrize("name", [*BY_LABEL, "a class of tomorrow"])
def test_no_object_is_ever_hostile_or_a_friend(name, state):
    for civil in (False, True):
        affiliation = type_of(Subject(track_id=1, class_name=name, identity_state=state), civil).split("-")[1]
        assert affiliation in ("u", "n", "s")
        assert (affiliation == "s") == (state == "contradicted")


def test_every_class_has_a_type():
    assert set(BY_LABEL) <= set(FUNCTION)


def test_drones_are_civil_where_the_site_says_so_and_birds_are_neutral():
    assert type_of(Subject(track_id=1, class_name="drone"), civil=True) == "a-u-A-C-F-q"
    assert type_of(Subject(track_id=1, class_name="fixed-wing-drone")) == "a-u-A-M-F-Q"
    assert type_of(Subject(track_id=1, class_name="flock"), civil=True) == "a-n-A"
    assert type_of(Subject(track_id=1, class_name="helicopter", identity_state="consistent")) == "a-n-A-C-H"


def test_the_pilots_place_is_told_only_where_the_site_says_so():
    assert b"51.98" not in etree.tostring(shown())
    drone, pilot = objects(seen(DRONE), Drawing("x", operators=True))
    assert (pilot.get("uid"), pilot.get("type")) == ("x.T12.operator", "a-u-G")
    assert pilot.find("point").get("lat") == "51.9876540"
    assert pilot.find("detail/link").get("uid") == drone.get("uid")
    assert b"51.98" not in etree.tostring(alert_event(RAISED, SITE, Drawing("x", operators=True)))


def test_who_it_claims_to_be_is_left_out_where_the_site_says_so():
    assert "1596F3" in shown().findtext("detail/remarks")
    quiet = Drawing("x", identities=False)
    assert b"1596F3" not in etree.tostring(shown(drawing=quiet))
    assert b"1596F3" not in etree.tostring(alert_event(RAISED, SITE, quiet))
    assert "contradicted" in shown(drawing=quiet).findtext("detail/remarks")


def test_hostile_text_stays_text_and_bounded():
    evil = "<event type='a-h-A'/>&\x00\x1b\ud800\u202e" * 9999
    subject = Subject(
        track_id=1, latitude_rad=0.9, longitude_rad=0.2, identity=evil, class_name=evil, identity_state=evil,
        sensors=(evil,) * 99,
    )  # fmt: skip
    told = msgspec.structs.replace(RAISED, title=evil, why=evil, priority=evil, zones=(evil,), subjects=(subject,))
    for event in (shown(subject), alert_event(told, SITE, DRAWING)):
        for is_datagram in (True, False):
            body = encoded(event, "xml", is_datagram)
            again = etree.fromstring(body)
            assert again.tag == "event" and again.find(".//event") is None
            assert len(body) < 6_000


def test_an_exercise_says_so_where_a_program_and_where_a_person_looks():
    for event in (
        shown(is_exercise=True),
        alert_event(msgspec.structs.replace(RAISED, is_exercise=True), SITE, DRAWING),
    ):
        assert event.get("opex") == "e"
        assert event.find("detail/contact").get("callsign").startswith("EXERCISE")
        assert "EXERCISE" in event.findtext("detail/remarks")
    assert shown().get("opex") is None


def test_an_alert_keeps_its_id_until_it_is_cancelled():
    raised, higher, over = (
        alert_event(told, SITE, DRAWING)
        for told in (RAISED, later("raised-higher", 9), later("cleared", 12, (9, "raised-higher")))
    )
    assert {event.get("uid") for event in (raised, higher, over)} == {"lowsky-Harbour.alert.k3v9k3v9-7"}
    assert [event.get("type") for event in (raised, higher, over)] == ["b-a-g", "b-a-g", "b-a-o-can"]
    assert raised.find("detail/emergency").get("type") == "Geo-fence Breached"
    assert over.find("detail/emergency").attrib == {"cancel": "true"}
    assert raised.find("detail/link").get("uid") == shown().get("uid")
    assert raised.get("stale") == written_time(T_NS, 3600.0) and over.get("stale") == written_time(
        T_NS + 5 * 10**9, 10.0
    )


def test_a_repeat_of_an_alert_says_so():
    event = alert_event(msgspec.structs.replace(RAISED, is_repeat=True), SITE, DRAWING)
    assert event.find("detail/__lowsky").get("repeat") == "true"
    assert "may have been sent before" in event.findtext("detail/remarks")
    assert alert_event(RAISED, SITE, DRAWING).find("detail/__lowsky").get("repeat") is None


def test_an_alert_without_an_object_is_put_in_its_zone_or_at_the_site():
    told = msgspec.structs.replace(RAISED, subjects=(), zones=("field",))
    assert alert_event(told, SITE, DRAWING).find("point").get("lat") == "52.0000000"
    fair = Zone(id="api/fair", shape="circle", corners=((0.9, 0.1),), reach_m=5.0)
    there = msgspec.structs.replace(told, zones=("field", "api/fair"), put_zones=(fair,))
    assert alert_event(there, SITE, DRAWING).find("point").get("lat") == "51.5662016"
    failing = msgspec.structs.replace(RAISED, subjects=(), zones=(), checks=CHECKS[:1], sensor="north")
    assert alert_event(failing, SITE, DRAWING).find("point").get("hae") == "40.0"


def test_times_outside_what_clients_can_hold_are_held_at_the_limit():
    assert written_time(-1) == "1970-01-01T00:00:00.000Z"
    assert written_time(2**63 - 1) == "2100-01-01T00:00:00.000Z"


@pytest.mark.parametrize("is_datagram", [True, False])
def test_takproto_reads_back_what_we_write_as_protobuf(is_datagram):
    for event in (shown(), alert_event(RAISED, SITE, DRAWING)):
        body = encoded(event, "protobuf", is_datagram)
        assert body[:3] == b"\xbf\x01\xbf" if is_datagram else body[:1] == b"\xbf"
        told = parse_proto(bytearray(body)).cotEvent
        point = event.find("point")
        for name in ("lat", "lon", "hae", "ce", "le"):
            assert getattr(told, name) == float(point.get(name))
        assert (told.uid, told.type, told.how) == (event.get("uid"), event.get("type"), "m-f")
        assert told.sendTime == T_NS // 1_000_000
        assert told.staleTime - told.startTime == (10_000 if event.get("type").startswith("a") else 3_600_000)
        assert told.detail.contact.callsign == event.find("detail/contact").get("callsign")
        rest = etree.fromstring(f"<detail>{told.detail.xmlDetail}</detail>")
        assert rest.findtext("remarks") == event.findtext("detail/remarks")


def test_the_prefix_is_letters_digits_and_dashes_of_the_sites_name():
    assert prefix_of("Flughafen Köln/Bonn <24>") == "lowsky-Flughafen-K-ln-Bonn-24"
    assert prefix_of("서울") == "lowsky-site"
