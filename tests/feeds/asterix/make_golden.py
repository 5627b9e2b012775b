"""Write the golden files of this folder: ``python tests/feeds/asterix/make_golden.py``.

Each NAME.bin (or .pcap) is synthetic, encoded by libasterix. NAME.json says so, with its sha256, how to read it and
what must come out. A change of what comes out is made on purpose, by running this and looking at the difference.
"""

import hashlib
import json
import struct
import sys
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.feeds.asterix.synthetic import T0, radar_turns, station_reports, tracker_updates

from lowsky.feeds import asterix
from lowsky.model.site import Sensor, Site

HERE = Path(__file__).parent
START_NS = (20_000 * 86_400 + int(T0)) * 1_000_000_000
KINDS = {
    kind: Sensor(
        id=f"{kind}-1", kind=kind, latitude_rad=0.6537, longitude_rad=2.2086, height_m=40.0, max_range_m=200_000.0
    )
    for kind in ("radar", "cooperative")
}
SITE = Site(name="golden", latitude_rad=0.6537, longitude_rad=2.2086, height_m=0.0, sensors=tuple(KINDS.values()))
GOLDEN = {
    "radar_two_turns.bin": ("radar", {}, lambda: radar_turns(2)),
    "radar_one_turn.pcap": ("radar", {}, lambda: radar_turns(1)),
    "radar_old_editions.bin": ("radar", {"editions": {"48": "1.27", "34": "1.27"}}, lambda: old_radar()),
    "tracker.bin": ("cooperative", {}, lambda: tracker_updates(3)),
    "station.bin": ("cooperative", {}, lambda: station_reports(2)),
    "station_edition_0_26.bin": ("cooperative", {"editions": {"21": "0.26"}}, lambda: station_reports(2, "0.26")),
}


def old_radar():
    return radar_turns(1, ("1.27", "1.27"))


def encoded(name):
    """The bytes of a golden file."""
    timed = GOLDEN[name][2]()
    return pcap(timed) if name.endswith(".pcap") else b"".join(datagram for _, datagram in timed)


def pcap(timed):
    """UDP datagrams from one address to port 8600 over Ethernet, little-endian nanosecond pcap."""
    out = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65_535, 1)]
    for t, payload in timed:
        udp = struct.pack(">HHHH", 40_000, 8600, 8 + len(payload), 0) + payload
        addresses = bytes((192, 0, 2, 1, 239, 1, 1, 1))
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 1, 17, 0) + addresses
        frame = bytes.fromhex("01005e010101 020000000001 0800") + ip + udp
        t_ns = START_NS + round((t - T0) * 1e9)
        out.append(struct.pack("<IIII", t_ns // 10**9, t_ns % 10**9, len(frame), len(frame)) + frame)
    return b"".join(out)


def read(path):
    """What the feed makes of a golden file, as plain numbers."""
    kind, options, _ = GOLDEN[path.name]
    config = msgspec.convert(options, asterix.Config)
    results = list(asterix.read_file(path, config, KINDS[kind], SITE, START_NS))
    rejected = Counter()
    for result in results:
        rejected.update(result.rejected)
    return {
        "records": sum(result.records for result in results),
        "rejected": {reason.name: count for reason, count in sorted(rejected.items())},
        "batches": [plain(batch) for result in results for batch in result.batches],
    }


def plain(batch):
    found = {"kind": batch.kind.name, "look": batch.look}
    if batch.coverage is not None:
        c = batch.coverage
        degrees = [round(float(np.degrees(a)), 6) for a in (c.azimuth_from_rad, c.azimuth_to_rad)]
        return found | {"coverage": {"t_from_ns": c.t_from_ns, "t_to_ns": c.t_to_ns, "azimuth_deg": degrees}}
    return found | {
        "t_meas_ns": batch.t_meas_ns.tolist(),
        "t_recv_ns": batch.t_recv_ns.tolist(),
        "z": numbers(batch.z),
        "sigma": numbers(batch.sigma),
        "attributes": {name: numbers(values) for name, values in sorted(batch.attributes.items())},
        "texts": {name: [labels.text(row) for row in range(len(labels))] for name, labels in batch.texts.items()},
    }


def numbers(values):
    """Nested lists with nine significant digits (machines differ in the last), None for NaN."""
    if values.ndim > 1:
        return [numbers(row) for row in values]
    return [None if np.isnan(v) else float(f"{v:.9g}") for v in values]


def metadata(name):
    kind, options, _ = GOLDEN[name]
    return {
        "origin": "synthetic: encoded with libasterix by tests/feeds/asterix/make_golden.py, no real traffic in it",
        "licence": "Apache-2.0, as lowsky itself",
        "sha256": hashlib.sha256(encoded(name)).hexdigest(),
        "sensor_kind": kind,
        "config": options,
        "start_ns": START_NS,
    }


def main():
    for name in GOLDEN:
        path = HERE / name
        path.write_bytes(encoded(name))
        text = json.dumps(metadata(name) | {"expected": read(path)}, indent=1)
        path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
