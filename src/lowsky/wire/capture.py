"""Capture files (pcap, pcapng) as packets, and the UDP datagrams inside them. Pure: bytes in, records out.

Sources: draft-ietf-opsawg-pcap (pcap), draft-ietf-opsawg-pcapng (pcapng blocks and options), the link-layer
header types registry of tcpdump.org, RFC 791, RFC 8200, RFC 768, IEEE 802.1Q.
"""

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from lowsky.constants import SECOND_NS
from lowsky.errors import DecodeError, Truncated, Unsupported

MAX_PACKET_BYTES = 262_144
"""Largest captured packet accepted: the largest snap length libpcap itself writes for the links read here."""

MAX_BLOCK_BYTES = 1 << 26
"""Largest pcapng block accepted, 64 MiB. Only blocks that are skipped (secrets, statistics) come near it."""

MAX_T_NS = (1 << 63) - 1
"""Times past int64 nanoseconds (the year 2262) are a damaged file."""

LINK_NULL = 0
LINK_ETHERNET = 1
LINK_IEEE802_11 = 105
LINK_RAW = 101
LINK_LOOP = 108
LINK_LINUX_SLL = 113
LINK_IEEE802_11_RADIOTAP = 127
LINK_IPV4 = 228
LINK_IPV6 = 229
LINK_BLUETOOTH_LE_LL = 251
LINK_BLUETOOTH_LE_LL_WITH_PHDR = 256
LINK_NORDIC_BLE = 272
LINK_LINUX_SLL2 = 276

# magic number as written -> (byte order for struct, nanoseconds per unit of the second timestamp field)
PCAP_MAGIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
SECTION_HEADER = b"\x0a\x0d\x0d\x0a"  # reads the same in both byte orders
INTERFACE_DESCRIPTION, OBSOLETE_PACKET, SIMPLE_PACKET, ENHANCED_PACKET = 1, 2, 3, 6
OPTION_END, OPTION_EPB_FLAGS, OPTION_IF_TSRESOL, OPTION_IF_TSOFFSET = 0, 2, 9, 14
EPB_FLAG_CRC_ERROR = 1 << 24


@dataclass(frozen=True, slots=True)
class Packet:
    """One captured packet.

    Attributes
    ----------
    t_ns : int
        UTC nanoseconds of the capture. A pcapng Simple Packet has none and gets its predecessor's (first: 0).
    link_type : int
        LINKTYPE_ number of the registry, which says what ``payload`` starts with.
    payload : bytes
        Link-layer bytes as captured, at most ``MAX_PACKET_BYTES``; may be cut by the capture's snap length.
    crc_ok : bool or None
        What the capture *file* says of the link checksum (pcapng packet flags); None where it says nothing.
        Pseudo-headers inside ``payload`` (radiotap, nRF sniffer) are the link decoder's business.
    """

    t_ns: int
    link_type: int
    payload: bytes
    crc_ok: bool | None


@dataclass(frozen=True, slots=True)
class _Interface:
    link_type: int
    snap_length: int  # 0: no limit
    units_per_second: int
    offset_ns: int


@dataclass(slots=True)
class _Section:
    """What the blocks of one pcapng section need to know of each other."""

    order: str
    interfaces: list[_Interface] = field(default_factory=list)
    t_ns: int = 0


def is_capture(head: bytes) -> bool:
    """Whether a file that begins with ``head`` (4 bytes are enough) is a pcap or pcapng."""
    return head[:4] in PCAP_MAGIC or head[:4] == SECTION_HEADER


def first_link_type(head: bytes) -> int | None:
    """Link type of a file that begins with ``head``, in a pcapng that of its first interface; None if not seen."""
    if head[:4] in PCAP_MAGIC and len(head) >= 24:
        return int(struct.unpack_from(PCAP_MAGIC[head[:4]][0] + "I", head, 20)[0]) & 0xFFFF
    if head[:4] != SECTION_HEADER or len(head) < 12:
        return None
    order = "<" if head[8:12] == b"\x4d\x3c\x2b\x1a" else ">"
    at = 0
    while at + 10 <= len(head):
        kind, length, link_type = struct.unpack_from(order + "IIH", head, at)
        if kind == INTERFACE_DESCRIPTION:
            return int(link_type)
        if length < 12:
            return None
        at += length
    return None


def read_packets(data: bytes) -> Iterator[Packet]:
    """All packets of a pcap or pcapng file, in file order.

    Reads classic pcap (both byte orders, micro- and nanoseconds) and pcapng (both byte orders, several sections
    and interfaces, Enhanced, Simple and the obsolete Packet Block; other blocks are skipped).

    Raises
    ------
    Truncated
        The file ends inside a packet or block; every whole packet before was yielded.
    Unsupported
        Neither pcap nor pcapng, or a version other than pcap 2 and pcapng 1.
    DecodeError
        A length or reference that cannot be; every packet before was yielded.
    """
    if len(data) < 4:
        raise Truncated("capture without a header", len(data), data)
    if data[:4] == SECTION_HEADER:
        yield from _read_pcapng(data)
    elif data[:4] in PCAP_MAGIC:
        yield from _read_pcap(data)
    else:
        raise Unsupported("neither pcap nor pcapng", 0, data)


def _read_pcap(data: bytes) -> Iterator[Packet]:
    order, unit_ns = PCAP_MAGIC[data[:4]]
    if len(data) < 24:
        raise Truncated("pcap header cut", len(data), data)
    major, _minor, _zone, _sigfigs, _snap, network = struct.unpack_from(order + "HHiIII", data, 4)
    if major != 2:
        raise Unsupported("pcap version", 4, data)
    link_type = network & 0xFFFF  # the upper half is about a frame check sequence
    header = struct.Struct(order + "IIII")
    at, end = 24, len(data)
    while at < end:
        if end - at < 16:
            raise Truncated("pcap ends in a packet header", at, data)
        seconds, fraction, captured, _original = header.unpack_from(data, at)
        if captured > MAX_PACKET_BYTES:
            raise DecodeError("pcap packet length", at, data)
        if end - at - 16 < captured:
            raise Truncated("pcap ends in a packet", at, data)
        yield Packet(seconds * SECOND_NS + fraction * unit_ns, link_type, data[at + 16 : at + 16 + captured], None)
        at += 16 + captured


def _read_pcapng(data: bytes) -> Iterator[Packet]:
    section = _Section("<")
    at = 0
    while at < len(data):
        if len(data) - at < 12:
            raise Truncated("pcapng ends in a block header", at, data)
        if data[at : at + 4] == SECTION_HEADER:
            section = _Section(_byte_order(data, at), t_ns=section.t_ns)
        kind, length = struct.unpack_from(section.order + "II", data, at)
        if length < 12 or length % 4 or length > MAX_BLOCK_BYTES:
            raise DecodeError("pcapng block length", at, data)
        if length > len(data) - at:
            raise Truncated("pcapng ends in a block", at, data)
        if struct.unpack_from(section.order + "I", data, at + length - 4)[0] != length:
            raise DecodeError("pcapng block lengths disagree", at, data)
        body = data[at + 8 : at + length - 4]
        try:
            if kind == INTERFACE_DESCRIPTION:
                section.interfaces.append(_interface(section.order, body))
            elif kind in (ENHANCED_PACKET, OBSOLETE_PACKET, SIMPLE_PACKET):
                packet = _packet(section, kind, body)
                section.t_ns = packet.t_ns
                yield packet
        except (struct.error, IndexError):
            raise DecodeError("pcapng block content", at, data) from None
        at += length


def _byte_order(data: bytes, at: int) -> str:
    """Byte order of the section whose header begins at ``at``; checks its version."""
    if len(data) - at < 28:
        raise Truncated("pcapng section header cut", at, data)
    magic = data[at + 8 : at + 12]
    if magic not in (b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d"):
        raise DecodeError("pcapng byte order", at, data)
    order = "<" if magic == b"\x4d\x3c\x2b\x1a" else ">"
    if struct.unpack_from(order + "H", data, at + 12)[0] != 1:
        raise Unsupported("pcapng version", at, data)
    return order


def _options(order: str, body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Code and value of each option of a block; stops at the end mark, at the end, or where a length is wrong."""
    while at + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, at)
        at += 4
        if code == OPTION_END or at + length > len(body):
            return
        yield code, body[at : at + length]
        at += (length + 3) & ~3


def _interface(order: str, body: bytes) -> _Interface:
    link_type, _reserved, snap = struct.unpack_from(order + "HHI", body, 0)
    per_second, offset_s = 1_000_000, 0
    for code, value in _options(order, body, 8):
        if code == OPTION_IF_TSRESOL and len(value) == 1:
            exponent = value[0] & 0x7F
            if exponent > 64:
                raise IndexError("time resolution")
            per_second = 2**exponent if value[0] & 0x80 else 10**exponent
        elif code == OPTION_IF_TSOFFSET and len(value) == 8:
            offset_s = struct.unpack(order + "q", value)[0]
    return _Interface(link_type, snap, per_second, offset_s * SECOND_NS)


def _packet(section: _Section, kind: int, body: bytes) -> Packet:
    """One packet block. Raises struct.error or IndexError where its lengths or its interface cannot be."""
    order = section.order
    if kind == SIMPLE_PACKET:
        interface = section.interfaces[0]
        (original,) = struct.unpack_from(order + "I", body, 0)
        captured = min(original, interface.snap_length or original)
        if captured > min(len(body) - 4, MAX_PACKET_BYTES):
            raise IndexError("captured length")
        return Packet(section.t_ns, interface.link_type, body[4 : 4 + captured], None)
    if kind == ENHANCED_PACKET:
        number, high, low, captured, _original = struct.unpack_from(order + "IIIII", body, 0)
    else:
        number, _drops, high, low, captured, _original = struct.unpack_from(order + "HHIIII", body, 0)
    interface = section.interfaces[number]
    if captured > min(len(body) - 20, MAX_PACKET_BYTES):
        raise IndexError("captured length")
    crc_ok: bool | None = None
    for code, value in _options(order, body, 20 + ((captured + 3) & ~3)):
        if code == OPTION_EPB_FLAGS and len(value) == 4 and struct.unpack(order + "I", value)[0] & EPB_FLAG_CRC_ERROR:
            crc_ok = False  # a clear bit is no proof: most writers leave the whole field out or at zero
    # integer arithmetic: float64 loses 200 ns in this century
    t_ns = ((high << 32 | low) * SECOND_NS) // interface.units_per_second + interface.offset_ns
    if not 0 <= t_ns <= MAX_T_NS:
        raise IndexError("time")
    return Packet(t_ns, interface.link_type, body[20 : 20 + captured], crc_ok)


# --- UDP inside a packet ---------------------------------------------------------------------------------------

ETHERTYPE_IPV4, ETHERTYPE_IPV6 = 0x0800, 0x86DD
ETHERTYPES_VLAN = (0x8100, 0x88A8, 0x9100)
MAX_VLAN_TAGS = 4
PROTOCOL_UDP = 17
IPV6_SKIPPED_HEADERS = (0, 43, 60)  # hop-by-hop, routing, destination options
MAX_IPV6_HEADERS = 8
ADDRESS_FAMILIES = (2, 10, 24, 28, 30)  # AF_INET everywhere; AF_INET6 of Linux, NetBSD, FreeBSD, macOS


def udp_payload(packet: Packet) -> tuple[str, int, bytes] | None:
    """The UDP datagram in a packet, or None where there is no *whole* one. Never raises.

    Reads Ethernet (with VLAN tags), raw IP, Linux cooked v1 and v2, BSD null and loopback; IPv4 and IPv6.
    None for other links and protocols, for IP fragments, and for datagrams cut by the snap length. Checksums
    are not looked at: captures on the sending machine have them unfilled (offloading).

    Returns
    -------
    peer : str
        Sender as "ip:port", IPv6 as "[ip]:port".
    port : int
        Destination port.
    payload : bytes
    """
    start = _network_offset(packet)
    if start is None or start >= len(packet.payload):
        return None
    version = packet.payload[start] >> 4
    if version == 4:
        return _udp_in_ipv4(packet.payload, start)
    if version == 6:
        return _udp_in_ipv6(packet.payload, start)
    return None


def _network_offset(packet: Packet) -> int | None:
    """Where the IP header begins; None where there is none."""
    link, raw = packet.link_type, packet.payload
    if link in (LINK_RAW, LINK_IPV4, LINK_IPV6):
        return 0
    if link in (LINK_NULL, LINK_LOOP):
        # LINK_NULL is in the byte order of the machine that captured, which the file does not say
        family = (int.from_bytes(raw[:4], "little"), int.from_bytes(raw[:4], "big"))
        return 4 if family[0] in ADDRESS_FAMILIES or family[1] in ADDRESS_FAMILIES else None
    if link == LINK_LINUX_SLL:
        at = 14
    elif link == LINK_LINUX_SLL2:
        return 20 if int.from_bytes(raw[:2], "big") in (ETHERTYPE_IPV4, ETHERTYPE_IPV6) else None
    elif link == LINK_ETHERNET:
        at = 12
    else:
        return None
    for _ in range(MAX_VLAN_TAGS + 1):
        ethertype = int.from_bytes(raw[at : at + 2], "big")
        if ethertype in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
            return at + 2
        if ethertype not in ETHERTYPES_VLAN:
            return None
        at += 4
    return None


def _udp_in_ipv4(raw: bytes, start: int) -> tuple[str, int, bytes] | None:
    if len(raw) < start + 20:
        return None
    header_bytes = (raw[start] & 0x0F) * 4
    total, _identification, fragment = struct.unpack_from(">HHH", raw, start + 2)
    is_fragment = fragment & 0x3FFF  # more-fragments flag or an offset
    if header_bytes < 20 or is_fragment or raw[start + 9] != PROTOCOL_UDP or total < header_bytes:
        return None
    sender = "{}.{}.{}.{}".format(*raw[start + 12 : start + 16])
    return _udp(raw, start + header_bytes, start + total, sender)


def _udp_in_ipv6(raw: bytes, start: int) -> tuple[str, int, bytes] | None:
    if len(raw) < start + 40:
        return None
    length, following = int.from_bytes(raw[start + 4 : start + 6], "big"), raw[start + 6]
    at, end = start + 40, start + 40 + length
    for _ in range(MAX_IPV6_HEADERS):
        if following not in IPV6_SKIPPED_HEADERS:
            break
        if at + 2 > len(raw):
            return None
        following, at = raw[at], at + (raw[at + 1] + 1) * 8
    if following != PROTOCOL_UDP:
        return None  # also fragments (44)
    return _udp(raw, at, end, f"[{ipaddress.IPv6Address(raw[start + 8 : start + 24])}]")


def _udp(raw: bytes, at: int, end: int, sender: str) -> tuple[str, int, bytes] | None:
    """The datagram whose header is at ``at`` in an IP packet that ends at ``end``."""
    if end > len(raw) or at + 8 > end:
        return None
    source_port, port, length = struct.unpack_from(">HHH", raw, at)
    if not 8 <= length <= end - at:
        return None
    return f"{sender}:{source_port}", port, raw[at + 8 : at + length]
