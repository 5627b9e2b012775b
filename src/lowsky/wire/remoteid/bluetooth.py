"""Remote ID in Bluetooth LE advertising, legacy (Bluetooth 4) and extended (Bluetooth 5, also coded PHY).

Sources: link-layer header types LINKTYPE_BLUETOOTH_LE_LL, _LE_LL_WITH_PHDR and LINKTYPE_NORDIC_BLE of tcpdump.org;
the two-byte length of nRF Sniffer protocol version 3 and its PHY bits from the opendroneid recording (as the
Wireshark dissector shows it); advertising PDUs and CRC after Bluetooth Core Specification 5.2, volume 6, part B.
"""

import math
from dataclasses import dataclass

from lowsky.errors import Truncated

ADVERTISING_ACCESS_ADDRESS = b"\xd6\xbe\x89\x8e"
SERVICE_DATA_16 = 0x16
REMOTE_ID_PREFIX = b"\xfa\xff\x0d"  # UUID 0xFFFA of ASTM, little endian, then the application code
LEGACY_PDUS = (0, 2, 4, 6)  # ADV_IND, ADV_NONCONN_IND, SCAN_RSP, ADV_SCAN_IND
EXTENDED_PDU = 7
PHY_CODED = 2
CRC_BYTES = 3
NORDIC_ADVERTISING_IDS = (2, 6)  # protocol version 3: advertising; versions 1 and 2: any packet


@dataclass(frozen=True, slots=True)
class PseudoHeader:
    """What the capturing device says of a packet; ``start`` is where the access address begins."""

    start: int
    is_coded: bool
    crc_ok: bool | None
    rssi_dbm: float


@dataclass(frozen=True, slots=True)
class LePacket:
    """``pdu`` is header and body, without CRC; ``crc`` the three bytes as received, fewer where cut."""

    pdu: bytes
    crc: bytes


def nordic_header(raw: bytes) -> PseudoHeader | None:
    """nRF Sniffer (272): board, six bytes of packet header, then flags, channel, level, counter and time."""
    if len(raw) < 17:
        raise Truncated("nRF Sniffer header cut", len(raw), raw)
    if raw[6] not in NORDIC_ADVERTISING_IDS:
        return None
    flags = raw[8]
    return PseudoHeader(7 + raw[7], flags >> 4 & 7 == PHY_CODED, bool(flags & 1), -float(raw[10]))


def phdr_header(raw: bytes) -> PseudoHeader:
    """LE_LL_WITH_PHDR (256): ten bytes, the last two flags."""
    if len(raw) < 10:
        raise Truncated("Bluetooth pseudo-header cut", len(raw), raw)
    flags = int.from_bytes(raw[8:10], "little")
    level = raw[1] - 256 if raw[1] > 127 else raw[1]
    return PseudoHeader(
        start=10,
        is_coded=flags >> 14 == PHY_CODED,
        crc_ok=bool(flags & 0x0800) if flags & 0x0400 else None,
        rssi_dbm=float(level) if flags & 0x0002 else math.nan,
    )


def le_packet(raw: bytes, start: int, is_coded: bool) -> LePacket | None:
    """The advertising packet whose access address is at ``start``; None for other access addresses."""
    at = start + (5 if is_coded else 4)  # a coding indicator follows the access address
    if len(raw) < at + 2:
        raise Truncated("Bluetooth packet cut", len(raw), raw)
    if raw[start : start + 4] != ADVERTISING_ACCESS_ADDRESS:
        return None
    end = at + 2 + raw[at + 1]
    return LePacket(raw[at:end], raw[end : end + CRC_BYTES])


def remote_id(pdu: bytes) -> tuple[str, list[tuple[str, int, bytes]]]:
    """Sender's address ("" if the PDU has none) and transport, counter and payload of each Remote ID in a PDU."""
    kind, body = pdu[0] & 0x0F, pdu[2:]
    if kind in LEGACY_PDUS:
        sender, at = body[:6], 6
    elif kind == EXTENDED_PDU and body:
        header_bytes = body[0] & 0x3F
        has_sender = header_bytes > 0 and len(body) > 1 and body[1] & 1
        sender, at = (body[2:8] if has_sender else b""), 1 + header_bytes
    else:
        return "", []
    return sender[::-1].hex(":"), _service_data(body, at)


def _service_data(body: bytes, at: int) -> list[tuple[str, int, bytes]]:
    """Every Remote ID service data among the AD structures from ``at``; the last may be cut."""
    found = []
    while at + 1 < len(body) and body[at]:
        end = at + 1 + body[at]
        structure = body[at + 1 : end]
        if structure[0] == SERVICE_DATA_16 and structure[1:4] == REMOTE_ID_PREFIX and len(structure) > 4:
            found.append(("bluetooth", structure[4], structure[5:]))
        at = end
    return found


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xDA6000 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc24(pdu: bytes) -> int:
    """CRC of an advertising PDU: x²⁴+x¹⁰+x⁹+x⁶+x⁴+x³+x+1, preset 0x555555, bits as sent (here: reflected)."""
    crc = 0xAAAAAA
    for byte in pdu:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def crc_is_right(packet: LePacket) -> bool | None:
    """None where the capture has no CRC."""
    if len(packet.crc) < CRC_BYTES:
        return None
    return crc24(packet.pdu) == int.from_bytes(packet.crc, "little")
