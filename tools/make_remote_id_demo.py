"""Pseudonymise the opendroneid sample captures so that they may be shipped: what is in the repository came from here.

    python tools/make_remote_id_demo.py INPUT RECORDINGS GOLDEN

INPUT holds odid_wifi_bcn_sample.pcap, odid_wifi_sample.pcap and odid_bt5_lr_sample.pcapng (github.com/opendroneid/
wireshark-dissector, Apache-2.0). The Wi-Fi captures go to RECORDINGS, the Bluetooth one, which has no positions, to
GOLDEN; GOLDEN also gets a JSON file for each: counts, sha256 and the reports the feed makes of it.

Changed, every length kept: UAS and operator ids become other text of the same form, also where they stand as SSID;
the operator's position is moved by some hundred metres; link addresses become locally administered ones; checksums are
made anew; the names of the capturing machine are left out. The key is drawn at random and not kept, so a second run
gives other pseudonyms. A Bluetooth frame with a wrong checksum gets the same bit errors on the pseudonymised frame:
its error pattern is taken against the nearest good frame; the CRC is linear, so it stays wrong in the same way.
"""

import hashlib
import hmac
import json
import math
import secrets
import string
import struct
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lowsky.errors import DecodeError
from lowsky.feeds import remote_id
from lowsky.model.site import Sensor, Site
from lowsky.wire.capture import LINK_NORDIC_BLE, Packet, read_packets
from lowsky.wire.remoteid import bluetooth
from lowsky.wire.remoteid.fields import MessageType
from lowsky.wire.remoteid.link import transmissions
from lowsky.wire.remoteid.messages import BasicId, OperatorId, System, decode, split

ORIGIN = "github.com/opendroneid/wireshark-dissector @ 551c6bb41ebd0052a8a6fa958b0454c6f33917b8"
FILES = {
    "odid_wifi_bcn_sample.pcap": "remote_id_wifi_beacon.pcap",
    "odid_wifi_sample.pcap": "remote_id_wifi_nan.pcap",
    "odid_bt5_lr_sample.pcapng": "remote_id_bluetooth5.pcapng",
}
MOVE_M = 400.0
METRES_PER_DEGREE = 111_000.0
DEGREES_PER_STEP = 1e-7


class Pseudonyms:
    """Keyed replacements: the same original always gets the same pseudonym, within one run."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        angle = self._number(b"direction", 3600) * math.tau / 3600
        self.move_deg = (MOVE_M / METRES_PER_DEGREE * math.cos(angle), MOVE_M / METRES_PER_DEGREE * math.sin(angle))

    def _digest(self, what: bytes) -> bytes:
        return hmac.new(self._key, what, hashlib.sha512).digest()

    def _number(self, what: bytes, below: int) -> int:
        return int.from_bytes(self._digest(what), "big") % below

    def text(self, original: bytes) -> bytes:
        """Letters for letters, digits for digits; the rest stays."""
        out = bytearray(original)
        for i, character in enumerate(original.decode("ascii")):
            for alphabet in (string.ascii_uppercase, string.ascii_lowercase, string.digits):
                if character in alphabet:
                    out[i] = ord(alphabet[self._number(original + bytes((i,)), len(alphabet))])
        return bytes(out)

    def address(self, original: bytes) -> bytes:
        """A locally administered unicast address."""
        digest = self._digest(original)
        return bytes(((digest[0] | 0x02) & 0xFE,)) + digest[1:6]


def replacements(packets: list[Packet], pseudonyms: Pseudonyms) -> dict[bytes, bytes]:
    """Every identifying byte string of the good frames, and what stands for it."""
    table: dict[bytes, bytes] = {}
    for packet in packets:
        for heard in transmissions(packet):
            if heard.crc_ok is False:
                continue
            address = bytes.fromhex(heard.transmitter.replace(":", ""))
            table[address] = pseudonyms.address(address)
            table[address[::-1]] = table[address][::-1]
            for message in split(heard.payload)[0]:
                record = decode(message)
                if isinstance(record, BasicId | OperatorId):
                    text = (record.uas_id if isinstance(record, BasicId) else record.operator_id).rstrip(b"\0")
                    if text:
                        table[text] = pseudonyms.text(text)
    return table


def pseudonymise(packet: Packet, table: dict[bytes, bytes], move_deg: tuple[float, float]) -> bytes:
    """The frame with everything of ``table`` replaced, operator positions moved and the CRC made anew."""
    raw = bytearray(packet.payload)
    for heard in transmissions(packet):
        for message in split(heard.payload)[0]:
            if message[0] >> 4 == MessageType.SYSTEM:
                at = packet.payload.index(message)
                raw[at + 2 : at + 10] = moved(message[2:10], decode(message), move_deg)
    frame = bytes(raw)
    for original, pseudonym in table.items():
        frame = frame.replace(original, pseudonym)
    if packet.link_type == LINK_NORDIC_BLE:
        header = bluetooth.nordic_header(frame)
        le = bluetooth.le_packet(frame, header.start, header.is_coded)
        frame = frame[: len(frame) - 3] + bluetooth.crc24(le.pdu).to_bytes(3, "little")
    return frame


def moved(position: bytes, record: System, move_deg: tuple[float, float]) -> bytes:
    if not record.operator_latitude_deg and not record.operator_longitude_deg:
        return position
    raw = struct.unpack("<ii", position)
    return struct.pack("<ii", *(at + round(by / DEGREES_PER_STEP) for at, by in zip(raw, move_deg, strict=True)))


def is_good(packet: Packet) -> bool:
    return packet.link_type != LINK_NORDIC_BLE or bool(packet.payload[8] & 1)


def xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def all_pseudonymised(packets: list[Packet], pseudonyms: Pseudonyms) -> tuple[list[Packet], dict[bytes, bytes]]:
    table = replacements(packets, pseudonyms)
    good = [p for p in packets if is_good(p)]
    clean = {p.payload: pseudonymise(p, table, pseudonyms.move_deg) for p in good}
    out = []
    for packet in packets:
        if packet.payload not in clean:
            alike = [p.payload for p in good if len(p.payload) == len(packet.payload)]
            nearest = min(alike, key=lambda other: sum(x.bit_count() for x in xor(other, packet.payload)))
            # the sniffer's own header (its counter, level and the flag "CRC wrong") is not part of the error
            header = 7 + packet.payload[7]
            error = bytes(header) + xor(packet.payload, nearest)[header:]
            clean[packet.payload] = packet.payload[:header] + xor(clean[nearest], error)[header:]
        out.append(replace(packet, payload=clean[packet.payload]))
    return out, table


def write_pcap(packets: list[Packet]) -> bytes:
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, packets[0].link_type)]
    for p in packets:
        seconds, rest = divmod(p.t_ns // 1000, 1_000_000)
        out.append(struct.pack("<IIII", seconds, rest, len(p.payload), len(p.payload)) + p.payload)
    return b"".join(out)


def write_pcapng(packets: list[Packet]) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))

    out = [
        block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)),
        block(1, struct.pack("<HHI", packets[0].link_type, 0, 262_144) + struct.pack("<HHB3xHH", 9, 1, 6, 0, 0)),
    ]
    for p in packets:
        t = p.t_ns // 1000
        head = struct.pack("<IIIII", 0, t >> 32, t & 0xFFFFFFFF, len(p.payload), len(p.payload))
        out.append(block(6, head + p.payload))
    return b"".join(out)


def check_nothing_left(data: bytes, table: dict[bytes, bytes]) -> None:
    for original in table:
        if original in data:
            raise SystemExit("an original identifier is still in the result")


def golden(path: Path) -> dict[str, object]:
    """What the test compares: counts by type of all messages in frames with a usable pack, and the feed's rows."""
    counts: Counter[str] = Counter()
    for packet in read_packets(path.read_bytes()):
        for heard in transmissions(packet):
            try:
                messages, damaged = split(heard.payload)
            except DecodeError:
                continue
            if not damaged:
                counts.update(MessageType(m[0] >> 4).name for m in messages)
    sensor = Sensor(id="remote-id", kind="cooperative", latitude_rad=0.0, longitude_rad=0.0, height_m=0.0)
    site = Site(name="golden", latitude_rad=0.0, longitude_rad=0.0, height_m=0.0, sensors=(sensor,))
    rejected: Counter[str] = Counter()
    records, rows = 0, []
    for made in remote_id.read_file(path, remote_id.Config(), sensor, site, None):
        records += made.records
        rejected.update({reason.name: n for reason, n in made.rejected.items()})
        for batch in made.batches:
            for i in range(len(batch)):
                z = [None if math.isnan(v) else round(v, 12) for v in batch.z[i].tolist()]
                rows.append(
                    {
                        "t_meas_ns": int(batch.t_meas_ns[i]),
                        "z": z,
                        **{k: labels.text(i) for k, labels in batch.texts.items()},
                    }
                )
    return {
        "origin": ORIGIN,
        "licence": "Apache-2.0; pseudonymised by tools/make_remote_id_demo.py",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "messages": dict(sorted(counts.items())),
        "records": records,
        "rejected": dict(sorted(rejected.items())),
        "rows": rows,
    }


def main(source: Path, recordings: Path, goldens: Path) -> None:
    pseudonyms = Pseudonyms(secrets.token_bytes(32))
    for name, result in FILES.items():
        packets, table = all_pseudonymised(list(read_packets((source / name).read_bytes())), pseudonyms)
        write: Callable[[list[Packet]], bytes] = write_pcapng if name.endswith("ng") else write_pcap
        data = write(packets)
        check_nothing_left(data, table)
        path = (goldens if name.endswith("ng") else recordings) / result
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        facts = json.dumps(golden(path), indent=1) + "\n"
        (goldens / (Path(result).stem + ".json")).write_text(facts, encoding="utf-8")
        print(f"{path}: {len(packets)} packets, {len(data)} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*map(Path, sys.argv[1:]))
