"""Capture files are read whole, in both byte orders, and end loudly."""

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import needs

from lowsky.errors import DecodeError, Truncated, Unsupported
from lowsky.wire.capture import (
    LINK_ETHERNET,
    LINK_IPV6,
    LINK_LINUX_SLL,
    LINK_LINUX_SLL2,
    LINK_LOOP,
    LINK_NULL,
    LINK_RAW,
    Packet,
    is_capture,
    read_packets,
    udp_payload,
)


def pcap(packets, order="<", nano=False, link=1):
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for seconds, fraction, payload in packets:
        out += struct.pack(order + "IIII", seconds, fraction, len(payload), len(payload)) + payload
    return out


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    length = 12 + len(body)
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order):
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order, link=1, snap=0, options=b""):
    return block(order, 1, struct.pack(order + "HHI", link, 0, snap) + options)


def enhanced(order, ticks, payload, number=0, options=b""):
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(payload), len(payload))
    return block(order, 6, head + payload + bytes(-len(payload) % 4) + options)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("nano", "unit"), [(False, 1000), (True, 1)])
def test_pcap_is_read_in_both_byte_orders_and_time_units(order, nano, unit):
    data = pcap([(1_700_000_000, 123_456, b"abc"), (1_700_000_001, 7, b"")], order, nano, 127)
    assert list(read_packets(data)) == [
        Packet(1_700_000_000_000_000_000 + 123_456 * unit, 127, b"abc", None),
        Packet(1_700_000_001_000_000_000 + 7 * unit, 127, b"", None),
    ]


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_time_resolution_and_offset_are_those_of_the_interface(order):
    nanoseconds = option(order, 9, b"\x09")
    binary_1024ths = option(order, 9, b"\x8a") + option(order, 14, struct.pack(order + "q", 100))
    data = (
        section(order)
        + interface(order, 1)
        + interface(order, 272, 0, nanoseconds)
        + interface(order, 105, 0, binary_1024ths)
        + block(order, 0x0BAD, b"skipped!")
        + enhanced(order, 1_700_000_000_000_001, b"micro", 0)
        + enhanced(order, 1_700_000_000_000_000_003, b"nano", 1)
        + enhanced(order, 2048 + 512, b"binary", 2)
    )
    assert [(p.t_ns, p.link_type, p.payload) for p in read_packets(data)] == [
        (1_700_000_000_000_001_000, 1, b"micro"),
        (1_700_000_000_000_000_003, 272, b"nano"),
        (102_500_000_000, 105, b"binary"),
    ]


def test_a_pcapng_may_hold_sections_of_both_byte_orders_and_simple_packets():
    data = section("<") + interface("<", 101) + enhanced("<", 5, b"one")
    data += section(">") + interface(">", 228, 4) + block(">", 3, struct.pack(">I", 9) + b"snap")
    packets = list(read_packets(data))
    assert [(p.link_type, p.payload) for p in packets] == [(101, b"one"), (228, b"snap")]
    assert packets[1].t_ns == packets[0].t_ns == 5000, "a simple packet has its predecessor's time"


def test_the_obsolete_packet_block_is_read():
    body = struct.pack("<HHIIII", 0, 0, 0, 9, 2, 2) + b"ab"
    assert list(read_packets(section("<") + interface("<", 1) + block("<", 2, body))) == [Packet(9000, 1, b"ab", None)]


def test_a_crc_error_in_the_packet_flags_is_kept_and_its_absence_proves_nothing():
    bad = option("<", 2, struct.pack("<I", 1 << 24))
    clear = option("<", 2, bytes(4))
    data = section("<") + interface("<") + enhanced("<", 1, b"x", 0, bad) + enhanced("<", 2, b"y", 0, clear)
    assert [p.crc_ok for p in read_packets(data)] == [False, None]


def test_whole_packets_are_yielded_before_a_cut_tail_is_reported():
    whole = [(1, 0, b"first"), (2, 0, b"second")]
    for data, boundaries in (
        (pcap(whole), [24, 45, 67]),
        (section("<") + interface("<") + enhanced("<", 1, b"first") + enhanced("<", 2, b"second"), [28, 48, 88, 128]),
    ):
        for cut in range(len(data)):
            packets = []
            if cut in boundaries:
                packets += read_packets(data[:cut])
            else:
                with pytest.raises(Truncated):
                    packets.extend(read_packets(data[:cut]))
            assert len(packets) == sum(cut >= b for b in boundaries[-2:])


@pytest.mark.parametrize(
    "data",
    [
        pcap([]) + struct.pack("<IIII", 0, 0, 262_145, 262_145) + bytes(262_145),
        section("<") + struct.pack("<II", 6, 11) + bytes(20),
        section("<") + struct.pack("<II", 6, 0xFFFFFFF0) + bytes(20),
        section("<") + struct.pack("<III", 5, 16, 0) + struct.pack("<I", 20),
        section("<") + enhanced("<", 1, b"no interface was described"),
        section("<") + interface("<", options=option("<", 9, b"\x7f")),
        section("<") + interface("<", options=option("<", 9, b"\x00")) + enhanced("<", 1 << 60, b"in aeons"),
        section("<") + interface("<", options=option("<", 14, struct.pack("<q", -9))) + enhanced("<", 1, b"before"),
        section("<") + interface("<") + block("<", 6, struct.pack("<IIIII", 0, 0, 1, 99, 99) + b"short"),
        section("<") + interface("<") + block("<", 3, struct.pack("<I", 99) + b"short"),
        section("<") + interface("<") + block("<", 6, b"tiny"),
        section("<")[:8] + b"\0\0\0\0" + section("<")[12:],
    ],
)
def test_lengths_and_references_that_cannot_be_are_refused(data):
    with pytest.raises(DecodeError) as caught:
        list(read_packets(data))
    assert not isinstance(caught.value, Truncated | Unsupported)


@pytest.mark.parametrize(
    "data",
    [b"GIF89a..", b"\xd4\xc3\xb2\xa1\x03\x00" + bytes(18), section("<")[:12] + b"\x02" + section("<")[13:]],
)
def test_other_files_and_versions_are_unsupported(data):
    with pytest.raises(Unsupported):
        list(read_packets(data))


def test_captures_are_told_by_their_first_bytes():
    assert is_capture(pcap([])[:4])
    assert is_capture(section(">")[:4])
    assert not is_capture(b"\x2a\x00\x10\x00")
    assert not is_capture(b"")


@given(
    st.sampled_from([b"", pcap([])[:24], pcap([], ">")[:24], section("<") + interface("<")]), st.binary(max_size=200)
)
def test_random_tails_raise_nothing_but_decode_errors(head, tail):
    try:
        packets = list(read_packets(head + tail))
    except DecodeError:
        return
    assert all(len(p.payload) <= len(tail) for p in packets)
    for packet in packets:
        udp_payload(packet)


# --- UDP -------------------------------------------------------------------------------------------------------

V4 = "192.0.2.7"
V6 = "2001:db8::7"


def udp(payload, port=8600):
    return struct.pack(">HHHH", 40_000, port, 8 + len(payload), 0) + payload


def ipv4(payload, fragment=0, protocol=17, options=b""):
    ihl = 5 + len(options) // 4
    total = ihl * 4 + len(payload)
    head = struct.pack(">BBHHHBBH", 0x40 | ihl, 0, total, 1, fragment, 64, protocol, 0)
    return head + ipaddress.IPv4Address(V4).packed + bytes(4) + options + payload


def ipv6(payload, following=17, extension=b""):
    head = struct.pack(">IHBB", 6 << 28, len(extension) + len(payload), following, 64)
    return head + ipaddress.IPv6Address(V6).packed + bytes(16) + extension + payload


def ethernet(kind, payload, tags=b""):
    return bytes(12) + tags + struct.pack(">H", kind) + payload + b"pad"


@pytest.mark.parametrize(
    ("link", "payload"),
    [
        (LINK_ETHERNET, ethernet(0x0800, ipv4(udp(b"plot")))),
        (LINK_ETHERNET, ethernet(0x0800, ipv4(udp(b"plot"), options=bytes(8)))),
        (LINK_ETHERNET, ethernet(0x0800, ipv4(udp(b"plot")), b"\x81\x00\x00\x05")),
        (LINK_ETHERNET, ethernet(0x0800, ipv4(udp(b"plot")), b"\x88\xa8\x00\x05\x81\x00\x00\x06")),
        (LINK_RAW, ipv4(udp(b"plot"))),
        (LINK_LINUX_SLL, bytes(14) + b"\x08\x00" + ipv4(udp(b"plot"))),
        (LINK_LINUX_SLL2, b"\x08\x00" + bytes(18) + ipv4(udp(b"plot"))),
        (LINK_NULL, b"\x02\0\0\0" + ipv4(udp(b"plot"))),
        (LINK_LOOP, b"\0\0\0\x02" + ipv4(udp(b"plot"))),
    ],
)
def test_udp_over_ipv4_is_found_in_every_link_layer(link, payload):
    assert udp_payload(Packet(0, link, payload, None)) == (f"{V4}:40000", 8600, b"plot")


@pytest.mark.parametrize(
    ("link", "payload"),
    [
        (LINK_ETHERNET, ethernet(0x86DD, ipv6(udp(b"plot")))),
        (LINK_IPV6, ipv6(udp(b"plot"), 0, b"\x3c\0" + bytes(6) + b"\x11\x01" + bytes(14))),
        (LINK_NULL, b"\0\0\0\x1e" + ipv6(udp(b"plot"))),
    ],
)
def test_udp_over_ipv6_is_found_behind_extension_headers(link, payload):
    assert udp_payload(Packet(0, link, payload, None)) == (f"[{V6}]:40000", 8600, b"plot")


@pytest.mark.parametrize(
    ("link", "payload"),
    [
        (LINK_RAW, ipv4(udp(b"plot"), fragment=0x2000)),
        (LINK_RAW, ipv4(udp(b"plot"), fragment=0x0001)),
        (LINK_RAW, ipv6(udp(b"plot"), 44, b"\x11\0\0\1\0\0\0\1")),
        (LINK_RAW, ipv4(b"not a datagram", protocol=6)),
        (LINK_RAW, ipv4(udp(b"plot"))[:-1]),
        (LINK_RAW, ipv4(udp(b"plot"))[:22]),
        (LINK_RAW, ipv4(struct.pack(">HHHH", 1, 2, 99, 0) + b"plot")),
        (LINK_ETHERNET, ethernet(0x0806, bytes(28))),
        (LINK_ETHERNET, bytes(12) + b"\x81\x00\x00\x01" * 9),
        (LINK_NULL, b"\x07\0\0\0" + ipv4(udp(b"plot"))),
        (LINK_RAW, b""),
        (105, ipv4(udp(b"plot"))),
    ],
)
def test_what_is_not_a_whole_datagram_gives_none(link, payload):
    assert udp_payload(Packet(0, link, payload, None)) is None


@pytest.mark.parametrize(
    ("name", "count", "link", "first_s"),
    [
        ("odid_bt5_lr_sample.pcapng", 274, 272, 1696390917.558003),
        ("odid_wifi_bcn_sample.pcap", 21, 127, None),
        ("odid_wifi_sample.pcap", 63, 127, None),
    ],
)
def test_recordings_have_as_many_packets_as_their_manifest_says(name, count, link, first_s):
    packets = list(read_packets(needs.recording(f"remote_id/opendroneid/{name}").read_bytes()))
    assert len(packets) == count
    assert {p.link_type for p in packets} == {link}
    if first_s is not None:
        assert packets[0].t_ns == 1_696_390_917_558_003_000
