"""Make the ADS-B recordings of the demo from the shared data: ``python tools/make_adsb_demo.py SHARED_DATA OUT``.

Who is in them is replaced, consistently within one run: addresses and callsigns become pseudonyms from a keyed hash
whose key is thrown away, parity is put right again, and what might still name somebody is left out:

* DF17, DF18, DF11 with wrong parity, and formats whose overlaid address was never heard in the clear;
* Comm-B and ACAS contents (DF16, 20, 21) but the callsign register, for an unlabelled one may hold a registration;
* resolution advisories (type code 28, subtype 2), which may name another aircraft.

Everything else is bit by bit as received. OUT gets ``helsinki.beast.gz``, ``toulouse.jsonl.gz``, ``swiss.parquet``
and the licences of their origins.
"""

import gzip
import hashlib
import json
import math
import secrets
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from lowsky.constants import FOOT_M, FOOT_PER_MINUTE_MPS, KNOT_MPS
from lowsky.geo.height import SIGMA_PRESSURE_ALTITUDE_M
from lowsky.wire.adsb.beast import encode, split
from lowsky.wire.adsb.compose import callsign_bits
from lowsky.wire.adsb.modes import parity_bytes, remainder

PSEUDONYM_BLOCK = 0xF00000
"""Pseudonyms are F0 0000 … F7 FFFF, which belongs to no country, so that none is a real aircraft's address."""
TOULOUSE_WINDOW_S = (1900.0, 2800.0)  # taxiing, take-off and climb
SWISS_MINUTES = 25
MAX_RATE_FPM = 6000.0
"""The Swiss table has a vertical rate of −16,512 ft/min; rates beyond this are left out."""


class Mask:
    """Pseudonyms for one recording."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._taken: dict[int, int] = {}
        self._calls: dict[str, str] = {}

    def _hash(self, what: bytes) -> int:
        return int.from_bytes(hashlib.blake2b(what, key=self._key, digest_size=8).digest())

    def address(self, address: int) -> int:
        if address not in self._taken:
            salt = 0
            while (new := PSEUDONYM_BLOCK | self._hash(b"%d/%d" % (address, salt)) & 0x7FFFF) in self._taken.values():
                salt += 1
            self._taken[address] = new
        return self._taken[address]

    def callsign(self, bits: int) -> int:
        """Six bits per letter in, the same out; blank stays blank."""
        if bits == callsign_bits("") or bits == 0:
            return bits
        return callsign_bits(f"LOW{self._hash(bits.to_bytes(6)) % 1000:03d}")

    def known(self, address: int) -> bool:
        return address in self._taken


def in_the_clear(frames: Iterable[bytes]) -> set[int]:
    """Addresses heard in messages whose parity fits."""
    heard = set()
    for frame in frames:
        df = frame[0] >> 3
        rest = int(remainder(np.frombuffer(frame, np.uint8), len(frame))) if len(frame) > 2 else -1
        if (df in (17, 18) and rest == 0) or (df == 11 and len(frame) == 7 and 0 <= rest < 128):
            heard.add(int.from_bytes(frame[1:4]))
    return heard - {0}


def masked(frame: bytes, mask: Mask) -> bytes | None:
    """The frame with its sender's pseudonym; None where it must be left out."""
    if len(frame) == 2:
        return frame
    df = frame[0] >> 3
    if len(frame) != (7 if df < 16 else 14):
        return None
    rest = int(remainder(np.frombuffer(frame, np.uint8), len(frame)))
    if df in (11, 17, 18):
        address = int.from_bytes(frame[1:4])
        if not mask.known(address) or (rest if df != 11 else rest & ~0x7F):
            return None
        if df != 11 and frame[4] == 28 << 3 | 2:
            return None
        body = frame[:1] + mask.address(address).to_bytes(3) + frame[4:-3]
        if df != 11 and 1 <= frame[4] >> 3 <= 4:
            body = body[:5] + mask.callsign(int.from_bytes(frame[5:11])).to_bytes(6)
        return body + (int.from_bytes(parity_bytes(body)) ^ rest).to_bytes(3)
    if df in (0, 4, 5, 16, 20, 21):
        if not mask.known(rest):
            return None
        body = frame[:-3]
        if df in (20, 21) and frame[4] == 0x20:
            body = body[:5] + mask.callsign(int.from_bytes(frame[5:11])).to_bytes(6)
        elif df in (16, 20, 21):
            body = body[:4] + bytes(7)
        return body + (int.from_bytes(parity_bytes(body)) ^ mask.address(rest)).to_bytes(3)
    return None


def mask_for(frames: list[bytes]) -> Mask:
    mask = Mask()
    for address in sorted(in_the_clear(frames)):
        mask.address(address)
    return mask


def make_helsinki(source: Path, target: Path) -> None:
    found = split(gzip.decompress((source / "gnss/helsinki_beast_012804.bin.gz").read_bytes()))
    frames = [bytes(p[:n]) for n, p in zip(found.length.tolist(), found.payload, strict=True)]
    mask = mask_for(frames)
    kept = [
        encode(counter, level, new)
        for frame, counter, level in zip(frames, found.counter.tolist(), found.level.tolist(), strict=True)
        if (new := masked(frame, mask)) is not None
    ]
    write_gzip(target / "helsinki.beast.gz", b"".join(kept))
    shutil.copy(source / "gnss/LICENSE", target / "LICENSE.adsb-research-grid")
    print(f"helsinki.beast.gz: {len(kept)} of {len(frames)} frames")


def toulouse_lines(source: Path) -> Iterator[tuple[float, bytes]]:
    with gzip.open(source / "adsb/traffic/jet1090_toulouse_20240606.jsonl.gz") as file:
        for line in file:
            read = json.loads(line)
            yield read["timestamp"], bytes.fromhex(read["frame"])


def make_toulouse(source: Path, target: Path) -> None:
    lines = list(toulouse_lines(source))
    start_s = lines[0][0]
    window = [(t, f) for t, f in lines if TOULOUSE_WINDOW_S[0] <= t - start_s < TOULOUSE_WINDOW_S[1]]
    mask = mask_for([frame for _, frame in lines])
    kept = [(t, new) for t, frame in window if (new := masked(frame, mask)) is not None]
    text = "".join(json.dumps({"timestamp": round(t, 6), "frame": f.hex()}) + "\n" for t, f in kept)
    write_gzip(target / "toulouse.jsonl.gz", text.encode())
    shutil.copy(source / "adsb/traffic/LICENSE", target / "LICENSE.traffic")
    print(f"toulouse.jsonl.gz: {len(kept)} of {len(window)} frames from {kept[0][0]:.3f} to {kept[-1][0]:.3f}")


def make_swiss(source: Path, target: Path) -> None:
    rows = json.loads(gzip.decompress((source / "adsb/traffic/switzerland.json.gz").read_bytes()))
    per_minute = Counter(row["timestamp"] // 60_000 for row in rows)
    busiest = max(per_minute, key=lambda m: (sum(per_minute[m + k] for k in range(SWISS_MINUTES)), -m))
    window = [row for row in rows if busiest <= row["timestamp"] // 60_000 < busiest + SWISS_MINUTES]
    mask = Mask()
    window.sort(key=lambda row: (row["timestamp"], mask.address(int(row["icao24"], 16))))
    table = pl.DataFrame([swiss_row(row, mask) for row in window], schema=SWISS_SCHEMA, orient="row")
    table.write_parquet(target / "swiss.parquet", compression="zstd", compression_level=19)
    who = table["identity"].n_unique()
    print(f"swiss.parquet: {len(table)} rows, {who} aircraft, {table['time'].min()} to {table['time'].max()}")


SWISS_SCHEMA = {
    "time": pl.Datetime("ns", "UTC"), "sensor": pl.String, "latitude_deg": pl.Float64, "longitude_deg": pl.Float64,
    "height_m": pl.Float64, "sigma_height_m": pl.Float64, "east_mps": pl.Float64, "north_mps": pl.Float64,
    "up_mps": pl.Float64, "identity": pl.String,
}  # fmt: skip


def swiss_row(row: dict, mask: Mask) -> tuple:
    """One measurement. ``height_m`` is the pressure altitude; its sigma says so."""
    speed, track, rate = row.get("groundspeed"), row.get("track"), row.get("vertical_rate")
    east = north = up = height = None
    if speed is not None and track is not None:
        east = round(speed * KNOT_MPS * math.sin(math.radians(track)), 2)
        north = round(speed * KNOT_MPS * math.cos(math.radians(track)), 2)
    if rate is not None and abs(rate) <= MAX_RATE_FPM:
        up = round(rate * FOOT_PER_MINUTE_MPS, 2)
    if row.get("altitude") is not None:
        height = round(row["altitude"] * FOOT_M, 1)
    return (
        row["timestamp"] * 1_000_000, "swiss-adsb", round(row["latitude"], 6), round(row["longitude"], 6),
        height, None if height is None else SIGMA_PRESSURE_ALTITUDE_M, east, north, up,
        f"{mask.address(int(row['icao24'], 16)):06x}",
    )  # fmt: skip


def write_gzip(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content, 9, mtime=0))


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    for make in (make_helsinki, make_toulouse, make_swiss):
        make(source, target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
