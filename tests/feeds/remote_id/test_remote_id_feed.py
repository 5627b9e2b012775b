"""Remote ID messages become reports; every message ends in exactly one place."""

import gzip
import math
import random
import struct
import zlib
from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowsky.errors import DecodeError
from lowsky.feeds.remote_id import MANIFEST, Config, open_feed, read_file
from lowsky.feeds.remote_id.aircraft import Transmitters
from lowsky.feeds.remote_id.normalise import ATTRIBUTES, nearest_hour
from lowsky.model.measurement import MeasurementKind, Reject
from lowsky.model.ports import Frame
from lowsky.model.site import Sensor, Site
from lowsky.wire.capture import Packet
from lowsky.wire.remoteid.messages import (
    Authentication,
    BasicId,
    Location,
    OperatorId,
    SelfId,
    System,
    encode,
    encode_pack,
)

HOUR_NS = 3_600_000_000_000
SECOND_NS = 1_000_000_000
T0 = 470_000 * HOUR_NS + 600 * SECOND_NS  # ten minutes past a full hour
SENSOR = Sensor(id="remote-id", kind="cooperative", latitude_rad=0.0, longitude_rad=0.0, height_m=0.0)
SITE = Site(name="test", latitude_rad=0.0, longitude_rad=0.0, height_m=0.0, sensors=(SENSOR,))


def location(**changes):
    plain = Location(
        version=2, status=2, height_is_agl=0, track_is_west=0, speed_is_coarse=0, track=90, speed=40,
        vertical_speed_mps=-2.0, latitude_deg=37.45, longitude_deg=126.6, pressure_altitude_m=90.0, height_m=120.0,
        height_agl_m=80.0, vertical_accuracy=3, horizontal_accuracy=9, pressure_altitude_accuracy=0, speed_accuracy=3,
        time_in_hour_s=599.5, time_accuracy=0,
    )  # fmt: skip
    return encode(msgspec.structs.replace(plain, **changes))


def basic(uas_id=b"1581F5SERIAL", id_type=1, ua_type=2):
    return encode(BasicId(2, id_type, ua_type, uas_id))


def system(latitude=37.44, longitude=126.61):
    return encode(System(2, 1, 1, latitude, longitude, 1, 0.0, None, None, 1, 2, 30.0, 0))


def reader(**options):
    return open_feed(Config(**options), SENSOR, SITE)


def feed(normaliser, payload, t_ns=T0, peer="192.0.2.7:1234"):
    return normaliser(Frame(t_ns, payload, peer))


def only(made):
    (batch,) = made.batches
    assert len(batch) == 1
    return batch


def reject_of_one(made):
    ((reason, count),) = made.rejected.items()
    assert (count, made.batches, made.records) == (1, (), 1)
    return reason


def test_a_location_becomes_one_report():
    batch = only(feed(reader(), location()))
    assert (batch.sensor, batch.kind, batch.look, batch.coverage) == ("remote-id", MeasurementKind.REPORT, -1, None)
    assert batch.t_meas_ns.tolist() == [T0 - SECOND_NS // 2]
    assert batch.t_recv_ns.tolist() == [T0]
    expected = [math.radians(37.45), math.radians(126.6), 120.0, 10.0, 0.0, -2.0]
    np.testing.assert_allclose(batch.z, [expected], atol=1e-12)
    attributes = {name: column[0] for name, column in batch.attributes.items()}
    assert attributes == {"pressure_altitude_m": 90.0, "height_agl_m": 80.0, "on_ground": 0.0}
    assert {name: labels.text(0) for name, labels in batch.texts.items()} == {"status": "airborne"}


def test_accuracy_codes_are_95_percent_bounds_and_become_one_sigma():
    sigma = only(feed(reader(), location(speed=0, time_accuracy=2))).sigma[0]
    # a circle of 30 m that holds 95 %: P(r < 30) = 1 − exp(−30²/2σ²)
    assert 1.0 - math.exp(-(30.0**2) / (2.0 * sigma[0] ** 2)) == pytest.approx(0.95)
    assert sigma[0] == sigma[1]
    assert math.erf(25.0 / (sigma[2] * math.sqrt(2.0))) == pytest.approx(0.95)
    assert 1.0 - math.exp(-(1.0**2) / (2.0 * sigma[3] ** 2)) == pytest.approx(0.95)
    assert sigma[3] == sigma[4]
    assert math.isnan(sigma[5]), "vertical speed has no accuracy code"


def test_the_age_of_the_fix_widens_the_position_of_a_moving_drone():
    still = only(feed(reader(), location(speed=0))).sigma[0, 0]
    coarse = only(feed(reader(), location(time_accuracy=10))).sigma[0, 0]
    fine = only(feed(reader(), location(time_accuracy=1))).sigma[0, 0]
    unstamped = only(feed(reader(), location(time_in_hour_s=None))).sigma[0, 0]
    assert still < fine < coarse
    assert unstamped == pytest.approx(math.hypot(still, 10.0 * 0.5))


def test_unknown_values_are_missing_and_never_zero():
    bare = location(
        status=0, track=181, speed=255, speed_is_coarse=1, vertical_speed_mps=None, pressure_altitude_m=None,
        height_m=None, height_agl_m=None, vertical_accuracy=0, horizontal_accuracy=0, speed_accuracy=0,
    )  # fmt: skip
    batch = only(feed(reader(), bare))
    assert np.isnan(batch.z[0, 2:]).all()
    assert np.isnan(batch.sigma).all()
    assert dict(batch.attributes) == {}


def test_reserved_accuracy_codes_are_unknown():
    batch = only(feed(reader(), location(vertical_accuracy=15, horizontal_accuracy=13, speed_accuracy=5)))
    assert np.isnan(batch.sigma).all()


def test_a_claim_of_perfection_is_not_believed():
    sigma = only(feed(reader(), location(horizontal_accuracy=12, vertical_accuracy=6, speed=0))).sigma[0]
    assert sigma[:3].tolist() == [3.0, 3.0, 10.0]


def test_standing_still_needs_no_course():
    assert only(feed(reader(), location(speed=0, track=200))).z[0, 3:5].tolist() == [0.0, 0.0]
    assert np.isnan(only(feed(reader(), location(track=200))).z[0, 3:5]).all()


def test_identity_class_and_operator_come_from_the_same_transmitter():
    normaliser = reader()
    operator = encode(OperatorId(2, 0, b"FIN87"))
    for message in (basic(), encode(SelfId(2, 0, b"survey")), system(), operator):
        assert reject_of_one(feed(normaliser, message)) == Reject.NOT_A_MEASUREMENT
    batch = only(feed(normaliser, location()))
    texts = {name: labels.text(0) for name, labels in batch.texts.items()}
    assert texts == {
        "identity": "1581F5SERIAL", "class": "multirotor", "self_id": "survey", "operator_id": "FIN87",
        "status": "airborne",
    }  # fmt: skip
    assert batch.attributes["operator_latitude_rad"][0] == pytest.approx(math.radians(37.44))
    assert batch.attributes["operator_longitude_rad"][0] == pytest.approx(math.radians(126.61))
    stranger = only(feed(normaliser, location(), peer="192.0.2.8:1"))
    assert set(stranger.texts) == {"status"}
    assert "operator_latitude_rad" not in stranger.attributes


def test_the_operator_can_be_kept_out():
    pack = encode_pack([basic(), system(), encode(OperatorId(2, 0, b"FIN87")), location()])
    batch = only(feed(reader(keep_operator=False), pack))
    assert "operator_id" not in batch.texts
    assert not {"operator_latitude_rad", "operator_longitude_rad"} & set(batch.attributes)
    assert batch.texts["identity"].text(0) == "1581F5SERIAL"


def test_a_pack_speaks_for_itself_whatever_the_order_of_its_messages():
    made = feed(reader(), encode_pack([location(), basic()]))
    assert only(made).texts["identity"].text(0) == "1581F5SERIAL"
    assert (made.records, made.rejected) == (2, Counter({Reject.NOT_A_MEASUREMENT: 1}))


@pytest.mark.parametrize(
    ("id_type", "raw", "identity"),
    [
        (0, b"untyped", "untyped"),
        (1, b"serial", "serial"),
        (2, b"REG-1", "REG-1"),
        (3, bytes(range(16)), bytes(range(16)).hex()),
        (4, b"\x01session", b"\x01session".ljust(20, b"\0").hex()),
        (1, b"", None),
        (3, b"", None),
        (4, b"", None),
        (9, b"reserved", None),
        (1, b"<b>\x07", "<b>\ufffd"),
    ],
)
def test_the_identity_is_text_and_binary_ids_are_hexadecimal(id_type, raw, identity):
    batch = only(feed(reader(), encode_pack([basic(raw, id_type), location()])))
    labels = batch.texts.get("identity")
    assert (labels and labels.text(0)) == identity


def test_the_serial_number_is_preferred_to_other_ids():
    pack = encode_pack([basic(b"session", 4), basic(b"SERIAL", 1), basic(b"REG", 2), location()])
    assert only(feed(reader(), pack)).texts["identity"].text(0) == "SERIAL"


def test_another_id_under_the_same_address_forgets_the_old_operator():
    normaliser = reader()
    feed(normaliser, encode_pack([basic(b"first"), encode(OperatorId(2, 0, b"FIN87")), system()]))
    batch = only(feed(normaliser, encode_pack([basic(b"second"), location()])))
    assert batch.texts["identity"].text(0) == "second"
    assert "operator_id" not in batch.texts
    assert "operator_latitude_rad" not in batch.attributes
    feed(normaliser, encode(OperatorId(2, 0, b"FIN87")))  # the same words, now of the new aircraft
    batch = only(feed(normaliser, location(status=1)))
    assert batch.texts["operator_id"].text(0) == "FIN87"


@pytest.mark.parametrize(
    ("ua_type", "name"),
    [(0, "drone"), (1, "fixed-wing-drone"), (2, "multirotor"), (4, "drone"), (8, "balloon"), (12, None), (15, "drone")],
)
def test_the_declared_type_becomes_a_class_of_ours(ua_type, name):
    batch = only(feed(reader(), encode_pack([basic(ua_type=ua_type), location()])))
    labels = batch.texts.get("class")
    assert (labels and labels.text(0)) == name


@pytest.mark.parametrize(
    ("status", "text", "on_ground"), [(1, "ground", 1.0), (3, "emergency", 0.0), (9, "reserved-9", None)]
)
def test_the_status_says_whether_it_is_on_the_ground(status, text, on_ground):
    batch = only(feed(reader(), location(status=status)))
    assert batch.texts["status"].text(0) == text
    assert (batch.attributes["on_ground"][0] if "on_ground" in batch.attributes else None) == on_ground


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"latitude_deg": 0.0, "longitude_deg": 0.0}, Reject.NO_POSITION),
        ({"latitude_deg": 90.1}, Reject.OUT_OF_RANGE),
        ({"longitude_deg": -180.1}, Reject.OUT_OF_RANGE),
        ({"time_in_hour_s": 3600.1}, Reject.OUT_OF_RANGE),
    ],
)
def test_locations_that_cannot_be_are_counted_by_reason(changes, reason):
    assert reject_of_one(feed(reader(), location(**changes))) == reason


def test_the_operator_position_zero_is_unknown():
    pack = encode_pack([system(0.0, 0.0), location()])
    assert "operator_latitude_rad" not in only(feed(reader(), pack)).attributes


# --- time ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("in_hour_s", "t_recv_ns", "t_meas_ns"),
    [
        (599.5, T0, T0 - SECOND_NS // 2),
        (600.2, T0, T0 + SECOND_NS // 5),  # the drone's clock is a little ahead
        (3599.9, 470_000 * HOUR_NS + 100, 470_000 * HOUR_NS - SECOND_NS // 10),  # sent before the hour, heard after
        (0.1, 470_000 * HOUR_NS - 100, 470_000 * HOUR_NS + SECOND_NS // 10),
        (3600.0, 470_000 * HOUR_NS, 470_000 * HOUR_NS),
        (None, T0, T0),
        (0.0, T0, T0),  # never set
        (590.0, T0, T0),  # more than three seconds off
        (597.5, T0, T0 - 5 * SECOND_NS // 2),
        (602.0, T0, T0 + 2 * SECOND_NS),
        (602.5, T0, T0),  # further ahead than align takes: it would not be seen at all
    ],
)
def test_time_is_rebuilt_from_the_hour_of_reception_if_it_can_be_right(in_hour_s, t_recv_ns, t_meas_ns):
    batch = only(feed(reader(), location(time_in_hour_s=in_hour_s), t_recv_ns))
    assert batch.t_meas_ns[0] == t_meas_ns
    assert batch.t_recv_ns[0] == t_recv_ns


@given(st.integers(0, 36_000), st.integers(0, 2**62))
def test_the_rebuilt_time_is_the_nearest_that_fits(tenths, t_recv_ns):
    t_ns = nearest_hour(tenths, t_recv_ns)
    assert abs(t_ns - t_recv_ns) <= HOUR_NS // 2
    assert (t_ns - tenths * SECOND_NS // 10) % HOUR_NS == 0


# --- repeats ---------------------------------------------------------------------------------------------------


def test_a_repeated_fix_is_counted_once():
    normaliser = reader()
    only(feed(normaliser, location()))
    assert reject_of_one(feed(normaliser, location(), T0 + 2 * SECOND_NS)) == Reject.DUPLICATE
    only(feed(normaliser, location(time_in_hour_s=602.0), T0 + 2 * SECOND_NS))


def test_without_a_time_the_same_place_a_second_later_is_a_new_fix():
    normaliser = reader()
    only(feed(normaliser, location(time_in_hour_s=None)))
    assert reject_of_one(feed(normaliser, location(time_in_hour_s=None), T0 + SECOND_NS - 1)) == Reject.DUPLICATE
    only(feed(normaliser, location(time_in_hour_s=None), T0 + SECOND_NS))


def test_two_transmitters_in_the_same_place_are_two():
    normaliser = reader()
    only(feed(normaliser, location(), peer="a"))
    only(feed(normaliser, location(), peer="b"))


# --- trust in the link -----------------------------------------------------------------------------------------


def beacon(payload):
    element = b"\xfa\x0b\xbc\x0d\x01" + payload
    return b"\x80" + bytes(35) + b"\xdd" + bytes((len(element),)) + element


def heard(normaliser, payload, crc):
    """A beacon with a radiotap header that says there is a check sequence, right or wrong; None: without one."""
    frame = beacon(payload)
    flags = 0 if crc is None else 0x10
    fcs = b"" if crc is None else (zlib.crc32(frame) ^ (not crc)).to_bytes(4, "little")
    return normaliser.packet(Packet(T0, 127, b"\0\0\x09\0\x02\0\0\0" + bytes((flags,)) + frame + fcs, None))


def test_frames_with_a_wrong_checksum_are_counted_and_not_used():
    pack = encode_pack([basic(), location()])
    made = heard(reader(), pack, crc=False)
    assert (made.records, made.rejected, made.batches) == (2, Counter({Reject.BAD_CHECKSUM: 2}), ())
    assert len(heard(reader(accept_bad_crc=True), pack, crc=False).batches) == 1
    assert heard(reader(), b"\xf2\xff\xff", crc=False).rejected == Counter({Reject.BAD_CHECKSUM: 1})


def test_a_damaged_pack_is_used_only_if_the_checksum_was_right():
    pack = encode_pack([basic(), b"\x72" + bytes(24), location()])
    made = heard(reader(), pack, crc=True)
    assert (len(only(made)), made.records) == (1, 3)
    assert made.rejected == Counter({Reject.NOT_A_MEASUREMENT: 1, Reject.MALFORMED: 1})
    for crc in (None, False):
        made = heard(reader(accept_bad_crc=True), pack, crc=crc)
        assert (made.batches, made.records, made.rejected) == ((), 3, Counter({Reject.MALFORMED: 3}))


def test_a_pack_of_none_is_legal_and_counted():
    assert reject_of_one(feed(reader(), encode_pack([]))) == Reject.NOT_A_MEASUREMENT


# --- the contract of every feed --------------------------------------------------------------------------------


def test_empty_and_truncated_frames_are_decode_errors():
    pack = encode_pack([basic(), location()])
    for link in ("odid", "ble", "wifi", "pcap"):
        with pytest.raises(DecodeError):
            reader(link=link)(Frame(T0, b"", "peer"))
    for payload in (location()[:-1], pack[:2]):
        with pytest.raises(DecodeError):
            feed(reader(), payload)
    made = feed(reader(), pack[:-1])
    assert (made.batches, made.records, made.rejected) == ((), 2, Counter({Reject.MALFORMED: 2}))


messages = st.one_of(
    st.builds(
        lambda kind, body: bytes((kind << 4 | 2,)) + body, st.integers(0, 6), st.binary(min_size=24, max_size=24)
    ),
    st.sampled_from([basic(), location(), system(), encode(Authentication(2, 1, 0, b"sign", 0, 4, 0))]),
)
payloads = st.one_of(messages, st.lists(messages, max_size=9).map(encode_pack), st.binary(max_size=60))
frames = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 3 * SECOND_NS), payloads), max_size=12)


def run(normaliser, sent):
    """Everything a list of frames gives, errors included, and the sums of the sum law."""
    out, records, measured, rejected, t_ns = [], 0, 0, Counter(), T0
    for peer, dt_ns, payload in sent:
        t_ns += dt_ns
        try:
            made = feed(normaliser, payload, t_ns, peer)
        except DecodeError as error:
            out.append(repr(error))
            continue
        assert made.held == 0
        records += made.records
        measured += sum(len(batch) for batch in made.batches)
        rejected += made.rejected
        out += [(b.t_meas_ns.tobytes(), b.z.tobytes(), b.sigma.tobytes(), repr(b.texts)) for b in made.batches]
    return out, records, measured + rejected.total()


@given(frames)
def test_every_message_is_a_measurement_or_a_reject(sent):
    _, records, ended = run(reader(), sent)
    assert records == ended


@given(frames)
def test_the_same_frames_give_the_same_batches(sent):
    assert run(reader(), sent) == run(reader(), sent)


@pytest.mark.parametrize("link", ["odid", "ble", "wifi", "pcap"])
def test_random_bytes_raise_nothing_but_decode_errors(link):
    draw = random.Random(20261120)
    normaliser = reader(link=link)
    heads = {"odid": b"", "ble": b"\xd6\xbe\x89\x8e", "wifi": b"\x80\0", "pcap": b"\xd4\xc3\xb2\xa1\x02\0\x04\0"}
    for n in range(25_000):
        payload = (heads[link] if n % 2 else b"") + draw.randbytes(draw.randrange(120))
        try:
            made = normaliser(Frame(T0, payload, "peer"))
        except DecodeError:
            continue
        assert made.records == sum(map(len, made.batches)) + made.rejected.total()


def test_memory_of_transmitters_is_bounded_and_ages_by_message_time():
    known = Transmitters(forget_after_ns=10, capacity=3)
    first = known.heard("a", 0)
    for name in "bc":
        known.heard(name, 1)
    assert known.heard("a", 2) is first
    known.heard("d", 3)  # "b" was silent longest
    assert len(known) == 3
    assert known.heard("a", 12) is first
    assert known.heard("a", 23) is not first
    assert len(known) == 3


def test_attributes_are_those_of_the_model_and_of_the_docstring():
    assert len(set(ATTRIBUTES)) == len(ATTRIBUTES)
    batch = only(feed(reader(), encode_pack([basic(), system(), location()])))
    assert set(batch.attributes) <= set(ATTRIBUTES)


@pytest.mark.parametrize(
    "options", [{"link": "zigbee"}, {"max_time_error_s": -1.0}, {"forget_after_s": 0.0}, {"unknown": 1}]
)
def test_wrong_options_are_refused(options):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(options, Config)


def test_a_frame_may_be_a_whole_capture():
    def pcap(*packets):
        head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 105)
        return head + b"".join(struct.pack("<IIII", 1, 0, len(p), len(p)) + p for p in packets)

    capture = pcap(beacon(encode_pack([basic(), location()])), b"\x80", beacon(b"\xf2\x01\x01"))
    made = reader(link="pcap")(Frame(T0, capture + b"cut", "peer"))
    batch = only(made)
    assert batch.t_recv_ns[0] == T0, "received now, whatever the capture says"
    assert made.rejected == Counter({Reject.NOT_A_MEASUREMENT: 1, Reject.TRUNCATED: 2, Reject.MALFORMED: 1})
    assert made.records == 5


def test_captures_of_the_right_link_are_recognised():
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 127)
    assert MANIFEST.sniff(head, "any.pcap")
    assert not MANIFEST.sniff(head[:20] + b"\1\0\0\0", "ethernet.pcap")
    assert not MANIFEST.sniff(b"time,latitude\n", "table.csv")
    assert not MANIFEST.sniff(b"", "empty")


def test_a_capture_may_be_compressed(tmp_path):
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 105)
    frame = beacon(location())
    packed = gzip.compress(head + struct.pack("<IIII", 7, 0, len(frame), len(frame)) + frame)
    path = tmp_path / "file.pcap.gz"
    path.write_bytes(packed)
    (made,) = read_file(path, Config(), SENSOR, SITE, None)
    assert only(made).t_recv_ns[0] == 7 * SECOND_NS
    path.write_bytes(packed[:-9])
    (made,) = read_file(path, Config(), SENSOR, SITE, None)
    assert made.rejected == Counter({Reject.TRUNCATED: 1})


def test_faults_in_a_file_are_counted_and_never_raised(tmp_path):
    for content, records in ((b"", 1), (b"no capture", 1), (b"\xd4\xc3\xb2\xa1" + bytes(30), 1)):
        path = tmp_path / "file.pcap"
        path.write_bytes(content)
        made = list(read_file(path, Config(), SENSOR, SITE, None))
        assert sum(m.records for m in made) == sum(m.rejected.total() for m in made) == records
