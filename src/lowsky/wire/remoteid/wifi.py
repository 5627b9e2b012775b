"""Remote ID in Wi-Fi: vendor element of beacons, and Neighbour Awareness (NAN) service discovery frames.

Sources: radiotap.org (field order and alignment of the first present word), IEEE 802.11 management frames as
far as the opendroneid recordings show them, the project's interoperability notes for the two Remote ID carriers.
"""

import math
import zlib

from lowsky.errors import Truncated

BEACON, ACTION = 0x80, 0xD0  # type and subtype in the first byte of frame control
ORDER = 0x80  # second byte: an HT control field follows the header
PROTECTED = 0x40
HEADER_BYTES = 24
BEACON_FIXED_BYTES = 12  # timestamp, interval, capability
VENDOR_ELEMENT = 221
REMOTE_ID_OUI_TYPE = b"\xfa\x0b\xbc\x0d"
NAN_ACTION = b"\x04\x09\x50\x6f\x9a\x13"  # public, vendor specific, Wi-Fi Alliance, service discovery
NAN_SERVICE_DESCRIPTOR = 3
REMOTE_ID_SERVICE = b"\x88\x69\x19\x9d\x92\x09"
FCS_BYTES = 4

# radiotap fields 0 to 5 of the first present word: bytes, alignment
RADIOTAP_FIELDS = ((8, 8), (1, 1), (1, 1), (4, 2), (2, 2), (1, 1))
RADIOTAP_FLAGS, RADIOTAP_SIGNAL = 1, 5
FLAG_FCS_PRESENT, FLAG_FCS_BAD = 0x10, 0x40


def strip_radiotap(raw: bytes) -> tuple[bytes, bool | None, float]:
    """802.11 frame without radiotap header and FCS, whether the FCS was right (None: not there), level in dBm."""
    if len(raw) < 8:
        raise Truncated("radiotap header cut", len(raw), raw)
    length = int.from_bytes(raw[2:4], "little")
    present = int.from_bytes(raw[4:8], "little")
    at, word = 8, present
    while word >> 31 and at + 4 <= length:
        word = int.from_bytes(raw[at : at + 4], "little")
        at += 4
    if not at <= length <= len(raw):
        raise Truncated("radiotap header cut", len(raw), raw)
    flags, rssi_dbm = 0, math.nan
    for number, (size, alignment) in enumerate(RADIOTAP_FIELDS):
        if not present >> number & 1:
            continue
        at = -(-at // alignment) * alignment
        if at + size > length:
            break
        if number == RADIOTAP_FLAGS:
            flags = raw[at]
        elif number == RADIOTAP_SIGNAL:
            rssi_dbm = float(raw[at] - 256 if raw[at] > 127 else raw[at])
        at += size
    frame, crc_ok = raw[length:], None
    if flags & FLAG_FCS_PRESENT and len(frame) > FCS_BYTES:
        frame, fcs = frame[:-FCS_BYTES], frame[-FCS_BYTES:]
        crc_ok = zlib.crc32(frame) == int.from_bytes(fcs, "little")
    return frame, False if flags & FLAG_FCS_BAD else crc_ok, rssi_dbm


def transmitter(frame: bytes) -> str:
    return frame[10:16].hex(":")


def remote_id(frame: bytes) -> list[tuple[str, int, bytes]]:
    """Transport, counter and payload of each Remote ID in an 802.11 frame."""
    if len(frame) < 2:
        raise Truncated("802.11 header cut", len(frame), frame)
    if frame[0] not in (BEACON, ACTION) or frame[1] & PROTECTED:
        return []
    start = HEADER_BYTES + (4 if frame[1] & ORDER else 0)
    if len(frame) < start:
        raise Truncated("802.11 header cut", len(frame), frame)
    if frame[0] == BEACON:
        return _in_elements(frame, start + BEACON_FIXED_BYTES)
    return _in_nan(frame, start)


def _in_elements(frame: bytes, at: int) -> list[tuple[str, int, bytes]]:
    """Every Remote ID vendor element from ``at``; the last may be cut."""
    found = []
    while at + 2 <= len(frame):
        end = at + 2 + frame[at + 1]
        body = frame[at + 2 : end]
        if frame[at] == VENDOR_ELEMENT and body[:4] == REMOTE_ID_OUI_TYPE and len(body) > 4:
            found.append(("wifi-beacon", body[4], body[5:]))
        at = end
    return found


def _in_nan(frame: bytes, at: int) -> list[tuple[str, int, bytes]]:
    """Every Remote ID service descriptor of a NAN service discovery frame."""
    if frame[at : at + len(NAN_ACTION)] != NAN_ACTION:
        return []
    found = []
    at += len(NAN_ACTION)
    while at + 3 <= len(frame):
        end = at + 3 + int.from_bytes(frame[at + 1 : at + 3], "little")
        if frame[at] == NAN_SERVICE_DESCRIPTOR:
            info = _service_info(frame[at + 3 : end])
            if info:
                found.append(("wifi-nan", info[0], info[1:]))
        at = end
    return found


def _service_info(descriptor: bytes) -> bytes:
    """Service info of a Remote ID service descriptor; empty where it is another service or carries none.

    Service id (6), instance, requestor, control; then, as control says: binding bitmap (2), matching filter and
    response filter (length and bytes each), service info (length and bytes).
    """
    if descriptor[:6] != REMOTE_ID_SERVICE or len(descriptor) < 9 or not descriptor[8] & 0x10:
        return b""
    at = 9 + (2 if descriptor[8] & 0x40 else 0)
    for filter_bit in (0x04, 0x08):
        if descriptor[8] & filter_bit:
            at += 1 + (descriptor[at] if at < len(descriptor) else 0)
    return descriptor[at + 1 : at + 1 + descriptor[at]] if at < len(descriptor) else b""
