"""ASTERIX records per second: libasterix, our full decoder, our columns, our feed, in turn on the same datagrams.

``python -m benchmarks.asterix_decode [--rounds N] [--json OUT]``. The recordings beside the checkout
(../shared/data/asterix) where they are, else the synthetic scene of the tests; the output says which. Datagram by
datagram, as it comes live:

- ``libasterix``: blocks and records parsed (its items are made then; reading a value costs more on top);
- ``full``: every item of every record as nested dicts of integers (``wire.asterix.decode``);
- ``columns``: the fields the feed wants as int64 columns (``wire.asterix.columns``);
- ``feed``: measurement batches, the whole way (``feeds.asterix``).

Ratios are to libasterix, round by round.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asterix.base as base
import asterix.generated as generated

from lowsky.errors import DecodeError
from lowsky.feeds import asterix as feed
from lowsky.feeds.asterix import fields
from lowsky.model.ports import Frame
from lowsky.model.site import Sensor, Site
from lowsky.wire.asterix import tables
from lowsky.wire.asterix.columns import decode_columns
from lowsky.wire.asterix.decode import blocks, decode_records
from lowsky.wire.asterix.program import compile_program
from lowsky.wire.capture import is_capture, read_packets, udp_payload

RECORDINGS = Path(__file__).parents[1] / "../shared/data/asterix"
GROUPS = {"plots 048/034": (48, 34), "tracks 062/065": (62, 65), "ads-b 021": (21,)}
TARGET = 7.0
STEP_NS = 1_000_000
NEWEST = fields.DEFAULT_EDITIONS
SPECS = {
    category: next(s for s in generated.manifest["CATS"][category] if "{}.{}".format(*s.cv_edition) == name)
    for category, name in NEWEST.items()
}
READ = {category: tables.edition(category, name) for category, name in NEWEST.items()}
PROGRAM = compile_program(fields.wants({}))


def recorded() -> list[bytes]:
    """Every datagram of the recordings; none where they are absent."""
    found: list[bytes] = []
    for path in sorted(path for path in RECORDINGS.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if is_capture(content):
            found += [u[2] for packet in read_packets(content) if (u := udp_payload(packet)) is not None]
        else:
            found.append(content)
    return found


def synthetic() -> list[bytes]:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.feeds.asterix.synthetic import radar_turns, station_reports, tracker_updates

    return [datagram for _, datagram in [*radar_turns(4), *tracker_updates(20), *station_reports(20)]]


def of_group(datagrams: list[bytes], categories: tuple[int, ...]) -> list[bytes]:
    """The blocks of these categories, put together again datagram by datagram."""
    found = []
    for datagram in datagrams:
        kept = b"".join(
            datagram[block.offset : block.offset + 3 + len(block.records)]
            for block in blocks(datagram)
            if block.category in categories and is_read(block.category, block.records)
        )
        if kept:
            found.append(kept)
    return found


def is_read(category: int, payload: bytes) -> bool:
    try:
        decode_records(READ[category], payload)
    except DecodeError:
        return False
    return True


def with_libasterix(datagrams: list[bytes]) -> int:
    n = 0
    for datagram in datagrams:
        for block in base.RawDatablock.parse(base.Bits.from_bytes(datagram)):
            n += len(SPECS[block.get_category()].cv_uap.parse(block.get_raw_records()))
    return n


def with_full(datagrams: list[bytes]) -> int:
    return sum(
        len(decode_records(READ[block.category], block.records)) for datagram in datagrams for block in blocks(datagram)
    )


def with_columns(datagrams: list[bytes]) -> int:
    return sum(len(decode_columns(PROGRAM, datagram).rows) for datagram in datagrams)


def with_feed(categories: tuple[int, ...]) -> Callable[[list[bytes]], int]:
    kind = "radar" if 48 in categories else "cooperative"
    sensor = Sensor(id="one", kind=kind, latitude_rad=0.8, longitude_rad=0.3, height_m=100.0)
    site = Site(name="bench", latitude_rad=0.8, longitude_rad=0.3, height_m=100.0, sensors=(sensor,))
    # of one source and without memory of duplicates, so that repeated datagrams cost what new ones cost
    normaliser = feed.open_feed(feed.Config(duplicate_window_s=0.0, sac=25 if kind == "radar" else None), sensor, site)

    def run(datagrams: list[bytes]) -> int:
        return sum(normaliser(Frame(k * STEP_NS, datagram)).records for k, datagram in enumerate(datagrams))

    return run


def rate(work: Callable[[list[bytes]], int], datagrams: list[bytes], seconds: float = 0.1) -> float:
    """Records per second, over at least ``seconds``."""
    records, began, spent = 0, time.perf_counter(), 0.0
    while spent < seconds:
        records += work(datagrams)
        spent = time.perf_counter() - began
    return records / spent


def measure(name: str, source: str, datagrams: list[bytes], rounds: int) -> dict:
    ways: dict[str, Callable[[list[bytes]], int]] = {
        "libasterix": with_libasterix, "full": with_full, "columns": with_columns,
        "feed": with_feed(GROUPS[name]),
    }  # fmt: skip
    counted = {way: work(datagrams) for way, work in ways.items()}  # warms up, and they must agree
    if len(set(counted.values())) != 1:
        raise SystemExit(f"{name}: the decoders disagree on the number of records: {counted}")
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, work in ways.items():
            rates[way].append(rate(work, datagrams))
    result: dict = {"mix": name, "source": source, "datagrams": len(datagrams), "records": counted["full"]}
    result |= {f"{way}_per_s": round(statistics.median(values)) for way, values in rates.items()}
    for way in ("full", "columns", "feed"):
        ratios = sorted(ours / theirs for ours, theirs in zip(rates[way], rates["libasterix"], strict=True))
        result |= {
            f"{way}_ratio": round(statistics.median(ratios), 1),
            f"{way}_ratio_min": round(ratios[0], 1),
            f"{way}_ratio_max": round(ratios[-1], 1),
        }
    return result | {"target": TARGET}


def run(rounds: int = 7) -> list[dict]:
    datagrams = recorded()
    source = "recordings" if datagrams else "synthetic"
    datagrams = datagrams or synthetic()
    return [
        measure(name, source, of_group(datagrams, categories), rounds) for name, categories in GROUPS.items()
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = run(options.rounds)
    for r in results:
        print(f"{r['mix']} ({r['source']}: {r['datagrams']} datagrams, {r['records']} records)")
        print(f"  {'libasterix':10} {r['libasterix_per_s']:>9,}/s")
        for way in ("full", "columns", "feed"):
            spread = f"{r[f'{way}_ratio_min']}-{r[f'{way}_ratio_max']}"
            print(f"  {way:10} {r[f'{way}_per_s']:>9,}/s  ratio {r[f'{way}_ratio']} ({spread})")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
