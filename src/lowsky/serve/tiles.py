"""Reads one PMTiles v3 archive over mmap.

Source: PMTiles version 3 specification (github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md), sections 3 (header),
4 (directories) and the Hilbert numbering of tiles.
"""

import gzip
import mmap
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from lowsky.errors import ConfigError, Fault

HEADER_BYTES = 127
MAX_ZOOM = 24
GZIP = 2
MVT = 1


@dataclass(frozen=True, slots=True)
class Directory:
    """Entries of one directory, sorted by tile id. ``run`` 0 points at a leaf directory."""

    tile_ids: list[int]
    runs: list[int]
    lengths: list[int]
    offsets: list[int]


def tile_id(z: int, x: int, y: int) -> int:
    """Number of a tile: all tiles of lower zooms first, then along the Hilbert curve."""
    at = 0
    side = 1 << z
    size = side >> 1
    while size:
        rx, ry = int(x & size > 0), int(y & size > 0)
        at += size * size * ((3 * rx) ^ ry)
        if not ry:
            if rx:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
        size >>= 1
    return ((1 << 2 * z) - 1) // 3 + at


def _varints(raw: bytes) -> list[int]:
    out, value, shift = [], 0, 0
    for byte in raw:
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            out.append(value)
            value = shift = 0
        else:
            shift += 7
    return out


def _directory(raw: bytes) -> Directory:
    numbers = _varints(raw)
    n = numbers[0]
    steps, runs, lengths, places = (numbers[1 + k * n : 1 + (k + 1) * n] for k in range(4))
    ids: list[int] = []
    offsets: list[int] = []
    at = 0
    for k in range(n):
        at += steps[k]
        ids.append(at)
        # 0 says "right behind the entry before"
        offsets.append(places[k] - 1 if places[k] else offsets[k - 1] + lengths[k - 1])
    return Directory(ids, runs, lengths, offsets)


class TileArchive:
    """Vector tiles of one file, handed out as they are stored (gzip).

    Raises ``ConfigError`` where the file is missing or not an archive of gzipped vector tiles.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise ConfigError([Fault(str(path), str(error), "a PMTiles archive")]) from None
        head = self._bytes[:HEADER_BYTES]
        if head[:7] != b"PMTiles" or len(head) < HEADER_BYTES or head[7] != 3:
            raise ConfigError([Fault(str(path), "no PMTiles version 3 header", "a PMTiles archive")])
        if (head[97], head[98], head[99]) != (GZIP, GZIP, MVT):
            raise ConfigError([Fault(str(path), "other tiles or compression", "vector tiles compressed by gzip")])
        words = [int.from_bytes(head[8 + 8 * k : 16 + 8 * k], "little") for k in range(8)]
        self._leaves_at, self._tiles_at = words[4], words[6]
        self.min_zoom, self.max_zoom = head[100], head[101]
        self._root = _directory(gzip.decompress(self._bytes[words[0] : words[0] + words[1]]))
        self._leaves: dict[int, Directory] = {}

    def _leaf(self, offset: int, length: int) -> Directory:
        leaf = self._leaves.get(offset)
        if leaf is None:
            at = self._leaves_at + offset
            leaf = self._leaves[offset] = _directory(gzip.decompress(self._bytes[at : at + length]))
        return leaf

    def tile(self, z: int, x: int, y: int) -> bytes | None:
        """The gzipped tile, or None where there is none (open sea, beyond the last zoom, no such tile)."""
        if not (0 <= z <= MAX_ZOOM and 0 <= x < 1 << z and 0 <= y < 1 << z):
            return None
        wanted, directory = tile_id(z, x, y), self._root
        for _ in range(4):  # the specification allows leaves of leaves; three levels hold the planet
            k = bisect_right(directory.tile_ids, wanted) - 1
            if k < 0:
                return None
            if directory.runs[k] == 0:
                directory = self._leaf(directory.offsets[k], directory.lengths[k])
            elif wanted < directory.tile_ids[k] + directory.runs[k]:
                at = self._tiles_at + directory.offsets[k]
                return self._bytes[at : at + directory.lengths[k]]
            else:
                return None
        return None
