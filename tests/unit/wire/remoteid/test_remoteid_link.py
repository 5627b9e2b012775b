"""Remote ID is found in every link layer it is sent over, and the link checksum is told."""

import math
import struct
import subprocess
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import needs

from lowsky.errors import DecodeError, Truncated, Unsupported
from lowsky.wire.capture import Packet
from lowsky.wire.remoteid.bluetooth import crc24
from lowsky.wire.remoteid.link import LINK_TYPES, transmissions
from lowsky.wire.remoteid.messages import SelfId, encode, encode_pack

SELF = encode(SelfId(2, 0, b"hello".ljust(23, b"\0")))
PACK = encode_pack([SELF, SELF])
SENDER = bytes.fromhex("021122334455")
SENDER_TEXT = "02:11:22:33:44:55"
ACCESS = b"\xd6\xbe\x89\x8e"


def service_data(payload, counter=7):
    body = b"\x16\xfa\xff\x0d" + bytes((counter,)) + payload
    return bytes((len(body),)) + body


def legacy(ads, kind=2):
    body = SENDER[::-1] + ads
    return bytes((kind, len(body))) + body


def extended(ads, parts=b"\x09" + SENDER[::-1] + b"\x75\x0e"):
    body = bytes((len(parts),)) + parts + ads
    return bytes((7, len(body))) + body


def le(pdu, coding=b"", flip=0):
    return ACCESS + coding + pdu + (crc24(pdu) ^ flip).to_bytes(3, "little")


def nordic(ll, flags, rssi=53):
    inner = bytes((10, flags, 37, rssi)) + bytes(6) + ll
    return b"\x03" + struct.pack("<HBHB", len(inner), 3, 99, 2) + inner


def phdr(ll, flags, power=-61):
    return struct.pack("<BbbBIH", 37, power, 0, 0, 0x8E89BED6, flags) + ll


def only(link, raw, crc=None):
    (found,) = transmissions(Packet(0, link, raw, crc))
    return found


@pytest.mark.parametrize(
    ("pdu", "payload"),
    [
        (legacy(service_data(SELF)), SELF),
        (legacy(b"\x02\x01\x06" + service_data(SELF), kind=0x40), SELF),
        (extended(service_data(PACK)), PACK),
        (extended(service_data(PACK), b"\x7f" + SENDER[::-1] + bytes(6 + 1 + 2 + 3 + 18 + 1)), PACK),
    ],
)
@pytest.mark.parametrize(("flip", "crc_ok"), [(0, True), (1, False)])
def test_bluetooth_is_read_and_its_crc_computed(pdu, payload, flip, crc_ok):
    found = only(251, le(pdu, flip=flip))
    assert (found.transmitter, found.transport, found.counter) == (SENDER_TEXT, "bluetooth", 7)
    assert (found.payload, found.crc_ok) == (payload, crc_ok)
    assert math.isnan(found.rssi_dbm)


def test_a_bluetooth_packet_without_its_crc_says_so():
    assert only(251, le(legacy(service_data(SELF)))[:-1]).crc_ok is None


@pytest.mark.parametrize(
    ("flags", "crc_ok", "rssi"),
    [(0x0001, True, None), (0x0C03, True, -61.0), (0x0403, False, -61.0)],
)
def test_the_pseudo_header_tells_crc_and_level(flags, crc_ok, rssi):
    found = only(256, phdr(le(legacy(service_data(SELF))), flags))
    assert found.crc_ok is crc_ok
    assert math.isnan(found.rssi_dbm) if rssi is None else found.rssi_dbm == rssi


def test_the_coding_indicator_of_the_coded_phy_is_skipped():
    ll = le(extended(service_data(PACK)), coding=b"\0")
    assert only(256, phdr(ll, 0x8C03)).payload == PACK
    assert only(256, phdr(ll, 0x8003)).crc_ok is True, "the CRC does not cover it"
    assert only(272, nordic(ll, 0x21)).payload == PACK


def test_the_nrf_sniffer_tells_crc_and_level():
    ll = le(legacy(service_data(SELF)))
    assert (only(272, nordic(ll, 0x01)).crc_ok, only(272, nordic(ll, 0x01)).rssi_dbm) == (True, -53.0)
    assert only(272, nordic(ll, 0x00)).crc_ok is False


def test_an_extended_advertisement_may_leave_its_address_to_another_packet():
    assert only(251, le(extended(service_data(PACK), b"\x08\x75\x0e"))).transmitter == ""
    assert only(251, le(extended(service_data(PACK), b""))).payload == PACK


@pytest.mark.parametrize(
    "raw",
    [
        b"\x01\x02\x03\x04" + le(legacy(service_data(SELF)))[4:],
        le(legacy(service_data(SELF), kind=1)),
        le(legacy(service_data(SELF), kind=5)),
        le(legacy(service_data(SELF).replace(b"\xfa\xff", b"\xfb\xff"))),
        le(legacy(service_data(SELF).replace(b"\xff\x0d", b"\xff\x0c"))),
        le(legacy(b"\x00" + service_data(SELF))),
        le(extended(b"")),
        le(legacy(b"\x05\x16\xfa\xff\x0d")),
        le(legacy(b"\x04\x16\xfa\xff\x0d\x02\x01\x06")),  # its counter would be another structure's length
    ],
)
def test_other_bluetooth_traffic_holds_nothing(raw):
    assert transmissions(Packet(0, 251, raw, None)) == []


# --- Wi-Fi -----------------------------------------------------------------------------------------------------


def mac_header(kind, flags=0):
    return bytes((kind, flags, 0, 0)) + b"\xff" * 6 + SENDER + SENDER + b"\x10\x00" + (b"ht.." if flags & 0x80 else b"")


def element(payload, counter=9):
    body = b"\xfa\x0b\xbc\x0d" + bytes((counter,)) + payload
    return b"\xdd" + bytes((len(body),)) + body


def beacon(elements, flags=0):
    return mac_header(0x80, flags) + bytes(12) + b"\x00\x05drone" + elements


def nan(control=0x10, before=b"", service=b"\x88\x69\x19\x9d\x92\x09", payload=PACK):
    info = bytes((9,)) + payload
    descriptor = service + b"\x01\x01" + bytes((control,)) + before + bytes((len(info),)) + info
    other = b"\x0e" + struct.pack("<H", 4) + b"else"
    attribute = b"\x03" + struct.pack("<H", len(descriptor)) + descriptor
    return mac_header(0xD0) + b"\x04\x09\x50\x6f\x9a\x13" + other + attribute


def radiotap(frame, flags=0, extended=False):
    present = 0b101111 | (0x8000_0000 if extended else 0)
    head = struct.pack("<I", present) + (struct.pack("<I", 0x20) if extended else b"")
    at = 4 + len(head)
    head += bytes(-at % 8) + struct.pack("<QBBHHb", 1, flags, 2, 2437, 0xA0, -42)
    return struct.pack("<BBH", 0, 0, 4 + len(head)) + head + frame


@pytest.mark.parametrize(
    ("frame", "transport"),
    [
        (beacon(element(PACK)), "wifi-beacon"),
        (beacon(b"\xdd\x04\x00\x50\xf2\x01" + element(PACK) + b"\0\0\0"), "wifi-beacon"),
        (beacon(element(PACK), flags=0x80), "wifi-beacon"),
        (nan(), "wifi-nan"),
        (nan(0x50, b"\x01\x00"), "wifi-nan"),
        (nan(0x14, b"\x03abc"), "wifi-nan"),
        (nan(0x5C, b"\x01\x00\x02ab\x01c"), "wifi-nan"),
    ],
)
def test_wifi_is_read_with_and_without_radiotap(frame, transport):
    for link, raw in ((105, frame), (127, radiotap(frame)), (127, radiotap(frame, extended=True))):
        found = only(link, raw)
        assert (found.transmitter, found.transport, found.counter) == (SENDER_TEXT, transport, 9)
        assert (found.payload, found.crc_ok) == (PACK, None)
        assert math.isnan(found.rssi_dbm) if link == 105 else found.rssi_dbm == -42.0


def test_the_frame_check_sequence_is_checked_where_radiotap_says_it_is_there():
    frame = beacon(element(PACK))
    fcs = zlib.crc32(frame).to_bytes(4, "little")
    assert only(127, radiotap(frame + fcs, flags=0x10)).crc_ok is True
    assert only(127, radiotap(frame + b"nope", flags=0x10)).crc_ok is False
    assert only(127, radiotap(frame, flags=0x40)).crc_ok is False, "the receiver says it was wrong"


@pytest.mark.parametrize(
    "frame",
    [
        beacon(b""),
        beacon(element(PACK).replace(b"\xfa\x0b", b"\xfa\x0c")),
        beacon(element(PACK), flags=0x40),
        mac_header(0x08) + element(PACK),
        nan(0x00),
        nan(service=b"\x00" * 6),
        nan().replace(b"\x50\x6f\x9a\x13", b"\x50\x6f\x9a\x14"),
        nan(0x14, b"\xff"),
        mac_header(0xD0) + b"\x04\x09\x50\x6f\x9a\x13\x03\xff\xff\x88",
    ],
)
def test_other_wifi_traffic_holds_nothing(frame):
    assert transmissions(Packet(0, 105, frame, None)) == []


def test_what_the_capture_file_says_of_the_checksum_wins():
    assert only(251, le(legacy(service_data(SELF))), crc=False).crc_ok is False


def test_a_payload_cut_by_the_frame_is_handed_on_as_far_as_it_goes():
    assert only(105, beacon(element(PACK))[:-10]).payload == PACK[:-10]
    assert only(251, le(extended(service_data(PACK)))[:-13]).payload == PACK[:-10]


@pytest.mark.parametrize(
    ("link", "raw"),
    [(127, b""), (127, b"\0\0\xff\xff" + bytes(9)), (105, b"\x80"), (105, mac_header(0x80)[:20]),
     (251, ACCESS), (256, bytes(9)), (272, bytes(12)), (272, nordic(b"", 1)), (127, bytes(2) + b"\x08\0" + bytes(4))],
)  # fmt: skip
def test_frames_too_short_for_their_headers_are_truncated(link, raw):
    with pytest.raises(Truncated):
        transmissions(Packet(0, link, raw, None))


def test_captures_of_other_links_are_unsupported():
    with pytest.raises(Unsupported):
        transmissions(Packet(0, 1, bytes(60), None))


@given(st.sampled_from(sorted(LINK_TYPES)), st.binary(max_size=120))
def test_random_frames_raise_nothing_but_decode_errors(link, raw):
    try:
        transmissions(Packet(0, link, raw, None))
    except DecodeError:
        return


@given(st.data())
def test_mutated_frames_raise_nothing_but_decode_errors(data):
    link, raw = data.draw(
        st.sampled_from(
            [
                (127, radiotap(nan(0x5C, b"\x01\x00\x02ab\x01c"))),
                (105, beacon(element(PACK))),
                (272, nordic(le(extended(service_data(PACK)), coding=b"\0"), 0x21)),
            ]
        )
    )
    raw = bytearray(raw[: data.draw(st.integers(0, len(raw)))])
    for at in data.draw(st.lists(st.integers(0, max(0, len(raw) - 1)), max_size=6)):
        if raw:
            raw[at] = data.draw(st.integers(0, 255))
    try:
        found = transmissions(Packet(0, link, bytes(raw), None))
    except DecodeError:
        return
    assert all(len(f.payload) <= len(raw) and 0 <= f.counter <= 255 for f in found)


# --- tshark as a peer: what we build, it reads as we do ----------------------------------------------------------


def tshark(path, *wanted):
    command = [needs.program("tshark"), "-n", "-r", str(path), "-T", "fields"]
    fields = [part for field in wanted for part in ("-e", field)]
    done = subprocess.run([*command, *fields], capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def write_pcap(path, link, frames):
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    data += b"".join(struct.pack("<IIII", 0, 0, len(f), len(f)) + f for f in frames)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("link", "frames"),
    [
        (251, [le(legacy(service_data(SELF))), le(extended(service_data(PACK)), flip=1)]),
        (256, [phdr(le(legacy(service_data(SELF))), 0x0C03), phdr(le(extended(service_data(PACK)), b"\0"), 0x8C03)]),
        (272, [nordic(le(legacy(service_data(SELF))), 1), nordic(le(extended(service_data(PACK)), b"\0"), 0x21)]),
    ],
)
def test_tshark_reads_our_bluetooth_frames_as_we_do(tmp_path, link, frames):
    fields = ("btcommon.eir_ad.entry.service_data", "btle.advertising_address", "btle.crc.incorrect")
    rows = tshark(write_pcap(tmp_path / "ble.pcap", link, frames), *fields)
    for frame, (data, address, crc_is_wrong) in zip(frames, rows, strict=True):
        found = only(link, frame)
        assert data.replace(":", "") == f"0d{found.counter:02x}{found.payload.hex()}"
        assert address == found.transmitter
        assert found.crc_ok is not bool(crc_is_wrong)


def test_tshark_reads_our_service_descriptors_as_we_do(tmp_path):
    frames = [nan(), nan(0x50, b"\x01\x00"), nan(0x14, b"\x03\x02ab")]  # a filter is length and value pairs
    rows = tshark(write_pcap(tmp_path / "nan.pcap", 105, frames), "nan.sda.service_info", "wlan.ta")
    for frame, (info, transmitter) in zip(frames, rows, strict=True):
        found = only(105, frame)
        assert info.replace("-", "") == f"{found.counter:02x}{found.payload.hex()}"
        assert transmitter == found.transmitter
