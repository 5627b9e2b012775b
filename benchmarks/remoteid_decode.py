"""Remote ID: messages a second through the wire decoder, and through the whole feed.

`python -m benchmarks.remoteid_decode [--json OUT]`. The input are the bundled recordings' payloads, single messages and
packs, and whole frames from the link layer on, in the mix in which they were recorded; Location messages alone, the
dearest type, are given too. Each figure is the median of the repetitions, the spread their lowest and highest.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from lowsky.feeds.files import normalise
from lowsky.feeds.remote_id import Config, open_feed
from lowsky.model.ports import Frame
from lowsky.model.site import Sensor, Site
from lowsky.wire.capture import Packet, read_packets
from lowsky.wire.remoteid.link import transmissions
from lowsky.wire.remoteid.messages import decode, split

ROOT = Path(__file__).parents[1]
CAPTURES = (
    ROOT / "src/lowsky/engine/demo/recordings/remote_id_wifi_beacon.pcap",
    ROOT / "src/lowsky/engine/demo/recordings/remote_id_wifi_nan.pcap",
    ROOT / "tests/feeds/remote_id/remote_id_bluetooth5.pcapng",
)
REPETITIONS = 9
SECONDS_EACH = 0.5
LOCATION = 1


def measured(work: Callable[[], int]) -> dict[str, float]:
    """Messages a second of ``work``, which returns how many it did."""
    work()
    rates = []
    for _ in range(REPETITIONS):
        start, done = time.perf_counter(), 0
        while (spent := time.perf_counter() - start) < SECONDS_EACH:
            done += work()
        rates.append(done / spent)
    return {
        "messages_per_s": round(statistics.median(rates)),
        "lowest": round(min(rates)),
        "highest": round(max(rates)),
        "n": REPETITIONS,
    }


def run() -> dict[str, dict[str, float]]:
    packets = [packet for path in CAPTURES for packet in read_packets(path.read_bytes())]
    # frames with a right checksum: what a receiver that checks it hands on
    heard = [t for packet in packets for t in transmissions(packet) if t.crc_ok is not False]
    payloads = [t.payload for t in heard]
    locations = [message for payload in payloads for message in split(payload)[0] if message[0] >> 4 == LOCATION]
    sensor = Sensor(id="remote-id", kind="cooperative", latitude_rad=0.0, longitude_rad=0.0, height_m=0.0)
    site = Site(name="benchmark", latitude_rad=0.0, longitude_rad=0.0, height_m=0.0, sensors=(sensor,))
    clock_ns = 0

    def wire() -> int:
        return sum(len([decode(message) for message in split(payload)[0]]) for payload in payloads)

    def only_locations() -> int:
        return len([decode(message) for message in locations])

    def link_and_wire() -> int:
        n = 0
        for packet in packets:
            for transmission in transmissions(packet):
                if transmission.crc_ok is not False:
                    n += len([decode(message) for message in split(transmission.payload)[0]])
        return n

    def feed_frames() -> int:
        nonlocal clock_ns
        reader, n = open_feed(Config(), sensor, site), 0
        for t in heard:
            clock_ns += 10_000_000
            n += normalise(reader, Frame(clock_ns, t.payload, t.transmitter)).records
        return n

    def feed_moving() -> int:
        nonlocal clock_ns
        reader, n = open_feed(Config(), sensor, site), 0
        for message in locations[-52:]:  # of the Wi-Fi recordings: each becomes a measurement
            clock_ns += 2_000_000_000
            n += reader.packet(Packet(clock_ns, 105, beacon(message), None)).records
        return n

    locations.sort(key=lambda message: message[5:13] != bytes(8))
    return {
        "wire, messages and packs as recorded": measured(wire),
        "wire, Location only": measured(only_locations),
        "link layer and wire, whole captured frames": measured(link_and_wire),
        "feed, messages and packs as recorded": measured(feed_frames),
        "feed, every message a measurement in a frame of its own": measured(feed_moving),
    }


def beacon(payload: bytes) -> bytes:
    body = b"\xfa\x0b\xbc\x0d\x01" + payload
    return b"\x80" + bytes(35) + b"\xdd" + bytes((len(body),)) + body


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = run()
    for name, result in results.items():
        figures = f"{result['messages_per_s']:>9,} messages/s  ({result['lowest']:,} to {result['highest']:,})"
        print(f"{name:58} {figures}, n = {result['n']}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
