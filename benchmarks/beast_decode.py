"""Beast bytes to measurement batches, against bare ``rs1090.decode`` of the same frames.

``python -m benchmarks.beast_decode [--rounds N] [--json OUT]``. Three mixes from the demo's recordings:

- ``receiver``: the Helsinki recording as it is (87 % status messages of ground transponders, which we need not decode);
- ``positions``: only the DF17 messages of both recordings that go through rs1090 here, too: the hard case;
- ``reads``: the Helsinki recording in reads of 1448 bytes, one TCP segment each, as it comes live.

rs1090 gets lists of hex text with times made beforehand (it decodes positions within one call); we get bytes and give
``MeasurementBatch`` columns. Both in turn in one process; the ratio is ours to theirs, round by round.
"""

import argparse
import gzip
import json
import math
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import rs1090

from lowsky.feeds import beast
from lowsky.model.ports import Frame
from lowsky.model.site import Sensor, Site
from lowsky.wire.adsb.beast import complete_length, encode, split
from lowsky.wire.adsb.modes import DECODE, screen

RECORDINGS = Path(__file__).parents[1] / "src/lowsky/engine/demo/recordings"
COPIES = 8  # of the hard case, so that a round takes long enough
READ_BYTES = 1448
TARGET = 0.8


def site() -> Site:
    sensor = Sensor(
        id="rx", kind="cooperative", latitude_rad=math.radians(60.32), longitude_rad=math.radians(24.83), height_m=60.0,
        max_range_m=5e6,
    )  # fmt: skip
    return Site(name="bench", latitude_rad=sensor.latitude_rad, longitude_rad=sensor.longitude_rad, height_m=60.0,
                sensors=(sensor,))  # fmt: skip


def toulouse_frames() -> list[bytes]:
    lines = gzip.decompress((RECORDINGS / "toulouse.jsonl.gz").read_bytes()).splitlines()
    return [bytes.fromhex(json.loads(line)["frame"]) for line in lines]


def only_decoded(frames: list[bytes]) -> list[bytes]:
    """Those DF17 messages that are decoded further here."""
    payload = np.array([list(frame.ljust(14, b"\0")) for frame in frames], np.uint8)
    verdict = screen(payload, np.array([len(frame) for frame in frames])).verdict
    return [frame for frame, v in zip(frames, verdict, strict=True) if v == DECODE and frame[0] >> 3 == 17]


def reads_of(stream: bytes, size: int) -> list[bytes]:
    """What a transport hands on of each read: whole frames."""
    found, kept = [], b""
    for at in range(0, len(stream), size):
        kept += stream[at : at + size]
        n = complete_length(kept)
        found.append(kept[:n])
        kept = kept[n:]
    return found


def run_ours(payloads: list[bytes], t_step_ns: int) -> tuple[float, int, int]:
    """Seconds, records and rows of a new reader that gets the payloads ``t_step_ns`` apart."""
    place = site()
    reader = beast.open_feed(beast.Config(), place.sensor("rx"), place)
    rows = records = 0
    began = time.perf_counter()
    for k, payload in enumerate(payloads):
        result = reader(Frame(k * t_step_ns, payload))
        records += result.records
        rows += sum(len(batch) for batch in result.batches)
    return time.perf_counter() - began, records, rows


def run_theirs(texts: list[str], times_s: list[float]) -> float:
    began = time.perf_counter()
    rs1090.decode(texts, times_s, reference=(60.32, 24.83))
    return time.perf_counter() - began


def measure(name: str, frames: list[bytes], payloads: list[bytes], duration_s: float, rounds: int) -> dict:
    texts = [frame.hex() for frame in frames if len(frame) > 2]
    times_s = [duration_s * k / len(texts) for k in range(len(texts))]
    step_ns = round(duration_s * 1e9 / len(payloads))
    run_ours(payloads, step_ns)
    run_theirs(texts, times_s)
    ours, theirs, ratios, rows = [], [], [], 0
    for _ in range(rounds):
        a_s = run_theirs(texts, times_s)
        b_s, records, rows = run_ours(payloads, step_ns)
        theirs.append(len(texts) / a_s)
        ours.append(records / b_s)
        ratios.append(ours[-1] / theirs[-1])
    return {
        "mix": name, "frames": len(frames), "calls": len(payloads), "rows": rows,
        "ours_per_s": round(statistics.median(ours)), "rs1090_per_s": round(statistics.median(theirs)),
        "ratio": round(statistics.median(ratios), 2), "ratio_min": round(min(ratios), 2),
        "ratio_max": round(max(ratios), 2), "target": TARGET,
    }  # fmt: skip


def run(rounds: int = 9) -> list[dict]:
    stream = gzip.decompress((RECORDINGS / "helsinki.beast.gz").read_bytes())
    found = split(stream)
    helsinki = [bytes(p[:n]) for n, p in zip(found.length.tolist(), found.payload, strict=True)]
    hard = only_decoded(helsinki + toulouse_frames()) * COPIES
    hard_bytes = b"".join(encode(k, 50, frame) for k, frame in enumerate(hard))
    blocks = reads_of(hard_bytes, 1 << 16)
    return [
        measure("receiver", helsinki, reads_of(stream, 1 << 16), 900.0, rounds),
        measure("positions", hard, blocks, 900.0 * COPIES, rounds),
        measure("reads", helsinki, reads_of(stream, READ_BYTES), 900.0, rounds),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = run(options.rounds)
    for r in results:
        print(
            f"{r['mix']:9}  {r['frames']:6} frames, {r['calls']:4} calls, {r['rows']:6} rows:  {r['ours_per_s']:>9,}/s"
            f"  rs1090 {r['rs1090_per_s']:>8,}/s  ratio {r['ratio']} ({r['ratio_min']}-{r['ratio_max']})"
        )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
