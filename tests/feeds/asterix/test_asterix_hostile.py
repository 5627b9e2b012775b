"""Other editions, damaged and random bytes: counted, refused, and nothing else is lost."""

import random

import numpy as np
import pytest
from tests.feeds.asterix.mutate import messages
from tests.feeds.asterix.scene import COOPERATIVE, RADAR, config, feed, rejected, run
from tests.feeds.asterix.synthetic import (
    AIRCRAFT,
    T0,
    adsb_report,
    block,
    plot,
    spec,
    station_reports,
    system_track,
    tracker_updates,
)

from lowsky.errors import ConfigError
from lowsky.model.measurement import MeasurementKind
from lowsky.wire.asterix import tables
from lowsky.wire.asterix.decode import decode_records

# Two records of a CAT062 whose items come in another order, written by hand. The first takes FSPEC bit 2, which
# the standard leaves spare since edition 1.0; the second keeps to the standard's bits, but sends track number and
# mode 3/A where service and time are today.
SPARE_BIT = bytes.fromhex(
    "3e 0014"
    "f8"  # bits 1-5: source, service, track number, mode 3/A, time
    "1964 01 0065 029c 545a00"
    "f8 1964 01 0066"
)
SHIFTED = bytes.fromhex(
    "3e 001d"
    "bf 10"  # bits 1, 3-7 and 11
    "1964"  # 25/100
    "00 65029c 545a001ac4dd0b5a"  # track number and mode 3/A read as service and time, time and position mixed
    "16 f4 03 ff ee 00 13 00 80 00"
)

# One that fits the standard's bits and lengths to the last byte, so that every decoder takes it: track number, mode
# 3/A and time stand where service, time and position are today, which makes a latitude of 7592°.
FITS = bytes.fromhex(
    "3e 0016"
    "b9 0c"  # bits 1, 3, 4, 5, 12 and 13
    "1964"
    "00 65029c 545a001ac4dd0b5a 16f4 02"
)


def test_structure_alone_does_not_tell_another_item_order():
    (record,) = decode_records(tables.edition(62, "1.21"), FITS[3:])
    assert record["105"]["LAT"] * 180 / 2**25 > 7000.0


@pytest.mark.parametrize("datagram", [SPARE_BIT, SHIFTED, FITS])
def test_a_cat062_of_another_item_order_is_refused_as_a_whole(datagram):
    assert rejected(feed(COOPERATIVE), datagram) == {"UNSUPPORTED": 1}


def in_order(names, items):
    """One record with its items in the order given, as an edition of that order would send it."""
    flags = [name in items for name in names]
    n_bytes = max(k for k, flag in enumerate(flags) if flag) // 7 + 1
    fspec = bytearray(n_bytes)
    for k in (k for k, flag in enumerate(flags) if flag):
        fspec[k // 7] |= 0x80 >> k % 7
    for k in range(n_bytes - 1):
        fspec[k] |= 1
    return bytes(fspec) + b"".join(items[name] for name in names if name in items)


def encoded_items(category, edition, record):
    made = spec(category, edition).cv_record.create(record)
    return {name: item.unparse().to_bytes() for name, item in made.items_regular.items()}


@pytest.mark.parametrize(
    ("category", "edition", "record"),
    [(62, "1.21", lambda a: system_track(T0, a, 100)), (21, "2.7", lambda a: adsb_report(T0, a))],
)
def test_blocks_of_a_thousand_other_item_orders_are_refused(category, edition, record):
    standard = [item and item[0] for item in tables.edition(category, edition).items]
    records = [encoded_items(category, edition, record(a)) for a in AIRCRAFT]
    right = b"".join(in_order(standard, items) for items in records)
    assert sum(map(len, run(feed(COOPERATIVE), [(T0, framed(category, right))])[0])) == 4
    normaliser, rng = feed(COOPERATIVE), random.Random(62)
    for _ in range(1000):
        names = [name for name in standard[1:] if name]
        rng.shuffle(names)
        others = iter(["010", *names])  # the source comes first in every edition of every category
        order = [name and next(others) for name in standard]
        datagram = framed(category, b"".join(in_order(order, items) for items in records))
        assert set(rejected(normaliser, datagram)) <= {"UNSUPPORTED", "MALFORMED"}


def framed(category, body):
    return bytes([category]) + (3 + len(body)).to_bytes(2, "big") + body


@pytest.mark.parametrize(("sent", "expected"), [("0.26", "2.7"), ("2.7", "0.26"), ("0.23", "2.1"), ("2.1", "0.24")])
def test_cat021_of_the_other_generation_is_refused(sent, expected):
    for _, datagram in station_reports(3, sent):
        counts = rejected(feed(COOPERATIVE, editions={"21": expected}), datagram)
        assert counts in ({"UNSUPPORTED": 1}, {"MALFORMED": 1})


@pytest.mark.parametrize(
    ("changes", "category"),
    [
        ({"070": 86_400 * 128}, 62),
        ({"105": (2**24 + 1, 0)}, 62),
        ({"105": (2**32 - 2**24 - 1, 0)}, 62),
        ({"105": (0, 2**25 + 1)}, 62),
        ({"040": None}, 62),
        ({"080": None}, 62),
        ({"010": None}, 62),
        ({"071": 2**24 - 1}, 21),
        ({"130": (2**22 + 1, 0)}, 21),
        ({"131": (0, 2**30 + 1)}, 21),
        ({"080": None}, 21),
        ({"040": None}, 21),
    ],
)
def test_a_block_with_an_impossible_record_is_refused_and_the_next_is_not(changes, category):
    if category == 62:
        bad, good = (block(62, "1.21", [system_track(T0, AIRCRAFT[0], 1, **c)]) for c in (changes, {}))
    else:
        bad, good = (block(21, "2.7", [adsb_report(T0, AIRCRAFT[0], **c)]) for c in (changes, {}))
    measured, _, counts = run(feed(COOPERATIVE), [(T0, good + bad + good[:3] + good[3:])])
    assert {reason.name: n for reason, n in counts.items()} == {"UNSUPPORTED": 1, "DUPLICATE": 1}
    assert sum(map(len, measured)) == 1


@pytest.mark.parametrize("tail", [b"\x30", b"\x30\x00", b"\x30\x00\x02", b"\x30\xff\xff\x80", b"\xff\x00\x05zz"])
def test_good_blocks_before_broken_bytes_are_kept(tail):
    good = block(48, "1.32", [plot(T0, AIRCRAFT[0]), plot(T0, AIRCRAFT[1])])
    measured, _, counts = run(feed(), [(T0, good + tail)])
    assert sum(map(len, measured)) == 2
    assert counts.total() == 1


def test_unknown_categories_are_skipped_by_their_length_and_counted():
    good = block(48, "1.32", [plot(T0, AIRCRAFT[0])])
    measured, _, counts = run(feed(), [(T0, b"\xff\x00\x06\x80\x01\x02" + good + b"\x01\x00\x04\x80")])
    assert len(measured[0]) == 1
    assert {reason.name: n for reason, n in counts.items()} == {"UNSUPPORTED": 2}


@pytest.mark.parametrize("sensor", [RADAR, COOPERATIVE])
def test_a_hundred_thousand_random_byte_strings_are_only_counted(sensor, rng):
    normaliser, noise = feed(sensor), random.Random(5)
    lengths, heads = rng.integers(0, 60, 100_000).tolist(), (48, 34, 62, 65, 21, 255)
    timed = []
    for number, length in enumerate(lengths):
        body = noise.randbytes(length)
        timed.append((T0 + number * 1e-3, framed(heads[number % 6], body) if number % 2 else body))
    measured, _, counts = run(normaliser, timed)
    assert counts.total() > 90_000
    assert all(batch.kind is sensor.measures for batch in measured)


@pytest.mark.parametrize(("sensor", "source"), [(RADAR, {"sac": 25, "sic": 12}), (COOPERATIVE, {"sac": 25})])
def test_damaged_datagrams_never_make_a_value_that_cannot_be(sensor, source):
    normaliser, rng, originals = feed(sensor, **source), random.Random(6), messages()
    timed = []
    for number in range(20_000):
        damaged = bytearray(rng.choice(originals))
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        timed.append((T0 + number * 1e-3, bytes(damaged)))
    measured, covered, _ = run(normaliser, timed)
    assert sum(map(len, measured)) > 500
    for batch in measured:
        assert not np.isinf(batch.z).any()
        if batch.kind is MeasurementKind.REPORT:
            assert (np.abs(batch.z[:, 0]) <= np.pi / 2).all()
            assert (np.abs(batch.z[:, 1]) <= np.pi).all()
        else:
            assert ((batch.z[:, 0] > 0) & (batch.z[:, 0] < 256 * 1852.0)).all()
            assert ((batch.z[:, 1] >= 0) & (batch.z[:, 1] < 2 * np.pi)).all()
        assert not (batch.sigma <= 0).any()
    for batch in covered:
        c = batch.coverage
        assert c.t_from_ns < c.t_to_ns
        assert 0 <= c.azimuth_from_rad < c.azimuth_to_rad <= c.azimuth_from_rad + 2 * np.pi


def test_what_comes_out_does_not_depend_on_bad_datagrams_in_between():
    noise = random.Random(7)
    clean, _, _ = run(feed(COOPERATIVE), tracker_updates(4))
    timed = [pair for t, d in tracker_updates(4) for pair in ((t - 0.1, noise.randbytes(40)), (t, d))]
    mixed, _, _ = run(feed(COOPERATIVE), timed)
    assert [b.z.tobytes() for b in mixed] == [b.z.tobytes() for b in clean]


def test_every_fault_of_the_config_is_said_at_once():
    editions = {"62": "0.17", "1": "1.2", "x": "1"}
    with pytest.raises(ConfigError) as raised:
        config(editions=editions, sac=256, sic=-1, doppler_positive="away", duplicate_window_s=-1.0)
    assert [fault.where for fault in raised.value.faults] == [
        "editions: 62", "editions: 1", "editions: x", "sac", "sic", "doppler_positive", "duplicate_window_s",
    ]  # fmt: skip
    assert "1.16, 1.17" in str(raised.value)
