"""An occurrence as it goes to disk and to outputs."""

import msgspec

from lowsky.model.occurrence import Check, Occurrence, Reference, Subject

RAISED = Occurrence(
    series="k3v9", number=7, t_ns=1_800_000_000_000_000_000, change="raised", site="Harbour", alert_id=3,
    priority="high", title="towards the tower: drone T12", raised_ns=1_800_000_000_000_000_000,
    checks=(Check(what="existence", value=0.98, needs=0.9),),
    subjects=(Subject(track_id=12, latitude_rad=0.65, longitude_rad=2.21, radius_95_m=14.0, class_name="drone"),),
    count=1,
)  # fmt: skip


def test_an_occurrence_survives_the_way_through_json():
    again = msgspec.json.decode(msgspec.json.encode(RAISED), type=Occurrence)
    assert again == RAISED


def test_all_occurrences_of_one_alert_have_its_key_and_a_name_of_their_own():
    later = msgspec.structs.replace(
        RAISED, number=9, change="cleared", references=(Reference(number=7, t_ns=RAISED.t_ns),)
    )
    assert later.key == RAISED.key == "k3v9-7"
    assert {later.name, RAISED.name} == {"k3v9-7", "k3v9-9"}
    assert msgspec.structs.replace(later, is_repeat=True).name == later.name
