"""The recordings give the reference counts, and tshark sees the same link layer."""

import hashlib
import importlib.util
import json
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests import needs

from lowsky.errors import DecodeError
from lowsky.feeds.remote_id import MANIFEST, Config, open_feed, read_file
from lowsky.model.ports import Frame
from lowsky.model.site import Sensor, Site
from lowsky.wire.capture import read_packets
from lowsky.wire.remoteid.bluetooth import crc_is_right, le_packet, nordic_header
from lowsky.wire.remoteid.fields import MessageType
from lowsky.wire.remoteid.link import transmissions
from lowsky.wire.remoteid.messages import split

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[2]
RECORDINGS = CHECKOUT / "src/lowsky/engine/demo/recordings"
ORIGINALS = "remote_id/opendroneid/"
SENSOR = Sensor(id="remote-id", kind="cooperative", latitude_rad=0.0, longitude_rad=0.0, height_m=0.0)
SITE = Site(name="test", latitude_rad=0.0, longitude_rad=0.0, height_m=0.0, sensors=(SENSOR,))

BEACON = RECORDINGS / "remote_id_wifi_beacon.pcap"
NAN = RECORDINGS / "remote_id_wifi_nan.pcap"
BLUETOOTH = HERE / "remote_id_bluetooth5.pcapng"
GOLDEN = {path: HERE / f"{path.stem}.json" for path in (BEACON, NAN, BLUETOOTH)}
ORIGINAL_OF = {
    BEACON: "odid_wifi_bcn_sample.pcap",
    NAN: "odid_wifi_sample.pcap",
    BLUETOOTH: "odid_bt5_lr_sample.pcapng",
}
TYPES = ("BASIC_ID", "LOCATION", "SELF_ID", "SYSTEM", "OPERATOR_ID")
# (whole packs only, all good messages): the second is what the opendroneid dissector for Wireshark counts
REFERENCE = {
    BEACON: ((21, 21, 21, 21, 21), (21, 21, 21, 21, 21)),
    NAN: ((0, 31, 4, 4, 3), (0, 31, 4, 4, 3)),
    BLUETOOTH: ((245, 242, 233, 225, 216), (247, 243, 235, 227, 217)),
}


def count(path):
    """Messages by type in undamaged packs, and in all packs."""
    whole, every = Counter(), Counter()
    for packet in read_packets(path.read_bytes()):
        for heard in transmissions(packet):
            try:
                good, damaged = split(heard.payload)
            except DecodeError:
                continue
            kinds = [MessageType(message[0] >> 4).name for message in good]
            every.update(kinds)
            whole.update(() if damaged else kinds)
    return tuple(tuple(counts[t] for t in TYPES) for counts in (whole, every))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda p: p.stem)
def test_the_recordings_hold_as_many_messages_as_the_dissector_finds(path):
    assert count(path) == REFERENCE[path]


@pytest.mark.parametrize("path", ORIGINAL_OF, ids=lambda p: p.stem)
def test_pseudonyms_changed_nothing_that_is_counted(path):
    original = needs.recording(ORIGINALS + ORIGINAL_OF[path])
    assert count(original) == REFERENCE[path]
    ours, theirs = (list(read_packets(p.read_bytes())) for p in (path, original))
    assert [(p.t_ns, p.link_type, len(p.payload)) for p in ours] == [
        (p.t_ns, p.link_type, len(p.payload)) for p in theirs
    ]
    assert [t.crc_ok for p in ours for t in transmissions(p)] == [t.crc_ok for p in theirs for t in transmissions(p)]


@pytest.mark.parametrize("path", ORIGINAL_OF, ids=lambda p: p.stem)
def test_no_identifier_of_the_original_is_left(path):
    spec = importlib.util.spec_from_file_location("make_remote_id_demo", CHECKOUT / "tools/make_remote_id_demo.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    original = needs.recording(ORIGINALS + ORIGINAL_OF[path])
    originals = tool.replacements(list(read_packets(original.read_bytes())), tool.Pseudonyms(b""))
    assert originals
    shipped = path.read_bytes() + GOLDEN[path].read_bytes()
    assert [original for original in originals if original in shipped] == []


@pytest.mark.parametrize("path", GOLDEN, ids=lambda p: p.stem)
def test_the_feed_makes_the_golden_rows(path):
    golden = json.loads(GOLDEN[path].read_text(encoding="utf-8"))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == golden["sha256"]
    made = list(read_file(path, Config(), SENSOR, SITE, None))
    batches = [batch for m in made for batch in m.batches]
    assert sum(m.records for m in made) == golden["records"]
    rejected = sum((m.rejected for m in made), Counter())
    assert {reason.name: n for reason, n in rejected.items()} == golden["rejected"]
    assert golden["records"] == sum(map(len, batches)) + rejected.total()
    assert [int(b.t_meas_ns[0]) for b in batches] == [row["t_meas_ns"] for row in golden["rows"]]
    for batch, row in zip(batches, golden["rows"], strict=True):
        expected = [np.nan if v is None else v for v in row["z"]]
        np.testing.assert_allclose(batch.z[0], expected, atol=1e-9)
        assert {k: v.text(0) for k, v in batch.texts.items()} == {k: row[k] for k in batch.texts}


def test_the_drone_of_the_beacons_flies_as_it_says():
    """Positions differ by what speed and course say: no axis is swapped, no sign is wrong."""
    batches = [b for m in read_file(BEACON, Config(), SENSOR, SITE, None) for b in m.batches]
    z = np.concatenate([b.z for b in batches])
    t_s = np.concatenate([b.t_meas_ns for b in batches]) / 1e9
    north_m = np.diff(z[:, 0]) * 6_371_000.0
    east_m = np.diff(z[:, 1]) * 6_371_000.0 * np.cos(z[1:, 0])
    flown = np.column_stack((east_m, north_m))
    said = (z[1:, 3:5] + z[:-1, 3:5]) / 2.0 * np.diff(t_s)[:, None]
    # the demo transmitter flies circles: direction and length agree in the mean
    cosine = (flown * said).sum() / np.sqrt((flown**2).sum() * (said**2).sum())
    assert cosine > 0.7


def test_a_packet_live_gives_what_the_file_gives():
    frames = [p for p in read_packets(BLUETOOTH.read_bytes()) if p.payload[8] & 1]
    from_file, live = open_feed(Config(), SENSOR, SITE), open_feed(Config(link="odid"), SENSOR, SITE)
    for packet in frames:
        for heard in transmissions(packet):
            bare = live(Frame(packet.t_ns, heard.payload, heard.transmitter))
            made = from_file.packet(packet)
            assert (bare.records, bare.rejected) == (made.records, made.rejected)


def test_the_computed_crc_agrees_with_the_sniffers_flag_in_every_frame():
    flags = Counter()
    for packet in read_packets(BLUETOOTH.read_bytes()):
        header = nordic_header(packet.payload)
        assert crc_is_right(le_packet(packet.payload, header.start, header.is_coded)) is header.crc_ok
        flags[header.crc_ok] += 1
    assert flags == {True: 244, False: 30}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda p: p.stem)
def test_the_recordings_are_recognised(path):
    assert MANIFEST.sniff(path.read_bytes()[:65_536], path.name)


def test_messages_for_fuzzing_are_single_messages_and_packs():
    spec = importlib.util.spec_from_file_location("remote_id_mutate", HERE / "mutate.py")
    mutate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mutate)
    kinds = Counter(message[0] >> 4 == MessageType.PACK for message in mutate.messages())
    assert kinds[True] > 20


# --- tshark as a peer ------------------------------------------------------------------------------------------


def tshark(path, *wanted):
    """Rows of field texts, one list per packet; every field may occur several times, joined by "|"."""
    peer = needs.program("tshark")
    command = [peer, "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|"]
    done = subprocess.run(
        [*command, *(part for field in wanted for part in ("-e", field))], capture_output=True, text=True, check=True
    )
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_tshark_reads_the_same_bluetooth_service_data():
    rows = tshark(
        BLUETOOTH, "btcommon.eir_ad.entry.service_data", "btle.advertising_address", "nordic_ble.crcok",
        "nordic_ble.rssi", "frame.time_epoch",
    )  # fmt: skip
    packets = list(read_packets(BLUETOOTH.read_bytes()))
    assert len(rows) == len(packets) == 274
    compared = 0
    for packet, (data, address, crc_ok, rssi, epoch) in zip(packets, rows, strict=True):
        seconds, _, fraction = epoch.partition(".")
        assert packet.t_ns == int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0")[:9])
        for heard in transmissions(packet):
            assert heard.crc_ok is (crc_ok in ("1", "True"))
            assert heard.rssi_dbm == float(rssi)
            if heard.crc_ok:
                assert data.replace(":", "") == f"0d{heard.counter:02x}{heard.payload.hex()}"
                assert address == heard.transmitter
                compared += 1
    assert compared == 244


@pytest.mark.parametrize(("path", "beacons", "actions"), [(BEACON, 21, 0), (NAN, 21, 21)], ids=["beacon", "nan"])
def test_tshark_reads_the_same_vendor_elements_and_service_descriptors(path, beacons, actions):
    fields = ("wlan.tag.oui", "wlan.tag.vendor.data", "nan.sda.service_info", "wlan.ta", "radiotap.dbm_antsignal")
    rows = tshark(path, *fields)
    compared = Counter()
    for packet, (ouis, data, info, transmitter, signal) in zip(read_packets(path.read_bytes()), rows, strict=True):
        for heard in transmissions(packet):
            assert heard.transmitter == transmitter
            assert heard.rssi_dbm == float(signal)
            if heard.transport == "wifi-beacon":
                assert str(0xFA0BBC) in ouis.split("|")
                assert f"{heard.counter:02x}{heard.payload.hex()}" in data.replace(":", "")
            else:
                assert f"{heard.counter:02x}{heard.payload.hex()}" == info.replace("-", "")
            compared[heard.transport] += 1
    assert compared == Counter({"wifi-beacon": beacons, "wifi-nan": actions})
