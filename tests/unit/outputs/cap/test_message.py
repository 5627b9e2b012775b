"""What a CAP message says, and how one of an alert follows another."""

import msgspec
import pytest
from lxml import etree
from tests.capped import CAP, OUTPUT, RAISED, T_NS, assert_valid, later, message, texts

from lowsky.model.classes import BY_LABEL
from lowsky.model.occurrence import Check, Reference, Subject
from lowsky.model.zone import Zone
from lowsky.outputs.cap.areas import circle
from lowsky.outputs.cap.message import MOST_REFERENCES, written_time
from lowsky.outputs.cap.texts import shipped

SENDER = "lowsky@harbour.example"


def test_times_are_whole_seconds_with_a_numeric_zone():
    assert written_time(T_NS) == "2027-01-15T08:00:00-00:00"
    body = message()
    for name in ("c:sent", "c:info/c:effective", "c:info/c:expires"):
        assert all(text.endswith("-00:00") and "." not in text for text in texts(body, name))
    assert texts(body, "c:info/c:expires") == ["2027-01-15T09:00:00-00:00"]


@pytest.mark.parametrize(
    ("is_exercise", "test", "status"), [(False, False, "Actual"), (False, True, "Test"), (True, True, "Exercise")]
)
def test_the_status_says_what_is_real(is_exercise, test, status):
    body = message(msgspec.structs.replace(RAISED, is_exercise=is_exercise), test=test)
    assert texts(body, "c:status") == [status]
    said = "".join([*texts(body, "c:info/c:headline"), *texts(body, "c:info/c:description"), *texts(body, "c:note")])
    assert ("EXERCISE" in said and "Nothing of it is real" in said) == is_exercise


def test_an_alert_is_followed_by_updates_and_a_cancel_that_name_all_before_them():
    raised, higher, cleared = (
        RAISED, later("raised-higher", 9), later("cleared", 12, (9, "raised-higher")),
    )  # fmt: skip
    kinds = [texts(message(told), "c:msgType") for told in (raised, higher, cleared)]
    assert kinds == [["Alert"], ["Update"], ["Cancel"]]
    first, second = (f"{SENDER},lowsky-k3v9k3v9-{n},2027-01-15T08:00:0{n - 7}-00:00" for n in (7, 9))
    assert texts(message(raised), "c:references") == []
    assert texts(message(higher), "c:references") == [first]
    assert texts(message(cleared), "c:references") == [f"{first} {second}"]
    assert {tuple(texts(message(told), "c:incidents")) for told in (raised, higher, cleared)} == {
        ("lowsky-k3v9k3v9-7",)
    }


def test_a_reference_is_what_the_message_it_names_said_of_itself():
    body = message()
    own = ",".join(texts(body, name)[0] for name in ("c:sender", "c:identifier", "c:sent"))
    assert texts(message(later("cleared", 8)), "c:references") == [own]


def test_what_people_do_at_the_desk_is_neither_told_nor_referred_to():
    for change in ("acknowledged", "shelved", "unshelved"):
        assert message(later(change, 9)) is None
    assert "-9," not in texts(message(later("cleared", 12, (9, "acknowledged"))), "c:references")[0]


def test_who_only_hears_of_urgent_alerts_gets_an_alert_once_one_becomes_urgent():
    output = msgspec.structs.replace(OUTPUT, priorities=("high",))
    assert message(msgspec.structs.replace(RAISED, priority="low"), output=output) is None
    higher = later("raised-higher", 9, was="low")
    assert texts(message(higher, output=output), "c:msgType") == ["Alert"]
    never = later("cleared", 12, was="low", priority="low")
    assert message(never, output=output) is None


def test_a_repeat_is_the_same_message_and_says_that_it_is_one():
    first, again = message(), message(msgspec.structs.replace(RAISED, is_repeat=True))
    assert texts(again, "c:code") == ["lowsky:repeat"] and texts(first, "c:code") == []
    assert again.replace(b"<code>lowsky:repeat</code>", b"") == first


def test_references_stay_bounded_and_keep_the_first():
    many = [(n, "raised-higher") for n in range(8, 200)]
    named = texts(message(later("cleared", 200, *many)), "c:references")[0].split()
    assert len(named) == MOST_REFERENCES
    assert "k3v9-7," in named[0] and "k3v9-199," in named[-1]


def test_an_alert_that_is_over_says_so():
    body = message(later("cleared", 9))
    said = [texts(body, f"c:info/c:{name}")[0] for name in ("urgency", "responseType", "headline")]
    assert said == ["Past", "AllClear", "Over: Multirotor drone towards tower"]


def level(*checks, priority="high"):
    body = message(msgspec.structs.replace(RAISED, checks=checks, priority=priority))
    return tuple(texts(body, f"c:info/c:{name}")[0] for name in ("urgency", "severity", "certainty"))


def test_urgency_severity_and_certainty_follow_time_priority_and_probability():
    there, drone = Check(what="existence", value=0.99), Check(what="class drone", value=0.95)
    inside = Check(what="in zone", value="tower")
    assert level(there, drone, inside) == ("Immediate", "Severe", "Observed")
    assert level(there, Check(what="class drone", value=0.7), inside, priority="medium")[1:] == ("Moderate", "Likely")

    def coming(p, in_s):
        return level(there, drone, Check(what="enters tower", value=p), Check(what="within", value=in_s, unit="s"))

    assert coming(0.9, 60.0) == ("Immediate", "Severe", "Likely")
    assert coming(0.9, 61.0)[0] == "Expected"
    assert coming(0.4, 61.0)[2] == "Possible"
    assert coming(0.01, 61.0)[2] == "Unlikely"
    assert coming(0.9, None)[0] == "Immediate"  # no time known: by priority
    assert level(priority="low") == ("Future", "Minor", "Unknown")


def test_a_zone_that_came_over_the_api_is_an_area_of_the_message():
    fair = Zone(id="api/fair", shape="circle", corners=((0.65, 2.2),), reach_m=500.0)
    body = message(msgspec.structs.replace(RAISED, zones=("api/fair",), put_zones=(fair,)))
    assert_valid(body)
    assert "api/fair" in texts(body, "c:info/c:area/c:areaDesc")
    assert circle(0.65, 2.2, 500.0) in texts(body, "c:info/c:area/c:circle")


def test_several_languages_are_several_infos_of_the_same_facts():
    body = message(languages=("en", "de", "fr", "ko", "lt", "pl", "uk"))
    assert_valid(body)
    assert texts(body, "c:info/c:language") == ["en", "de", "fr", "ko", "lt", "pl", "uk"]
    assert len(set(texts(body, "c:info/c:headline"))) == 7
    assert "Multikopter-Drohne auf dem Weg nach tower" in texts(body, "c:info/c:headline")
    assert len(set(texts(body, "c:info/c:urgency"))) == 1
    assert not any("{" in text or "}" in text for text in texts(body, "c:info/c:description"))


@pytest.mark.parametrize("language", sorted(shipped()))
def test_every_language_says_all_that_english_says(language):
    def keys(texts):
        return {k: keys(v) if isinstance(v, dict) else type(v) for k, v in texts.items()}

    assert keys(shipped()[language]) == keys(shipped()["en"])
    assert set(BY_LABEL) <= set(shipped()["en"]["class"])


def test_the_description_says_what_where_how_fast_and_what_it_claims():
    said = texts(message(), "c:info/c:description")[0]
    assert "Multirotor drone, probability 97 %" in said
    assert "52.00500, 13.01000, within 30 m (95 %), at 08:00:00 UTC" in said
    assert "100 ± 20 m above the WGS 84 ellipsoid" in said
    assert "to the north-east at 10 m/s" in said
    assert "contradict" in said and "Expected in tower in 45 s, with a probability of 80 %" in said


def test_who_it_claims_to_be_is_only_told_where_the_site_says_so():
    assert b"1596F3" not in message()
    told = message(identities=True)
    assert "1596F3<!--\ufffd\ufffd&]]>" in texts(told, "c:info/c:description")[0]
    assert_valid(told)


def test_where_the_pilot_stands_is_never_told():
    for body in (message(), message(identities=True)):
        assert b"51.98" not in body and b"12.87" not in body


def test_hostile_text_of_any_length_stays_text_and_bounded():
    evil = "<alert>&\x00\x1b\ud800\uffff\u202e{headline}{what}" * 10_000
    subject = Subject(track_id=1, class_name=evil, identity=evil, identity_state=evil, sensors=(evil,))
    told = msgspec.structs.replace(
        RAISED, title=evil, why=evil, rule=evil, zones=(evil,), site=evil, subjects=(subject,), priority=evil,
        checks=(Check(what="enters " + evil, value=0.9), Check(what="within", value=1.0)),
    )  # fmt: skip
    body = message(msgspec.structs.replace(told, priority="high"), identities=True)
    assert_valid(body)
    assert len(body) < 10_000
    assert len(etree.fromstring(body).findall(".//c:alert", CAP)) == 0


def test_alerts_about_sensors_are_told_only_where_asked_for():
    failing = msgspec.structs.replace(RAISED, sensor="north", title="north down: nothing heard", subjects=(), zones=())
    assert message(failing) is None
    body = message(failing, sensors=True)
    assert_valid(body)
    assert texts(body, "c:info/c:category") == ["Infra"]
    assert "north" in texts(body, "c:info/c:headline")[0] and "nothing heard" in texts(body, "c:info/c:description")[0]


def test_a_swarm_is_told_as_one_with_every_objects_region():
    subjects = tuple(
        Subject(track_id=k, latitude_rad=0.9, longitude_rad=0.2, radius_95_m=10.0, class_name="drone")
        for k in range(20)
    )
    body = message(msgspec.structs.replace(RAISED, subjects=subjects, count=200))
    assert "200 × Drone" in texts(body, "c:info/c:headline")[0]
    assert len(texts(body, "c:info/c:area/c:circle")) == 1 + 20


def test_scope_restriction_and_addresses_are_as_cap_wants_them():
    assert len(texts(message(), "c:restriction")) == 1
    private = message(scope="Private", addresses=("a@b", "Head of Security"))
    assert texts(private, "c:addresses") == ['a@b "Head of Security"'] and texts(private, "c:restriction") == []
    assert texts(message(scope="Public"), "c:restriction") == []
    assert_valid(private)


def test_a_reference_from_before_references_said_their_change_counts_as_told():
    told = msgspec.structs.replace(RAISED, number=9, change="cleared", references=(Reference(number=7, t_ns=T_NS),))
    assert texts(message(told), "c:msgType") == ["Cancel"]
