"""A load that a busy site could make: radars that turn and send CAT048 plots over UDP as they sweep.

The plots are simulated. Every radar sees every target once a turn, in order of azimuth, in small datagrams.
"""

import math
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ORIGIN_DEG = (60.3, 24.9)
NM_M = 1852.0
SITE = """
[site]
name = "Load"
latitude_deg = {lat}
longitude_deg = {lon}
height_m = 30.0
"""
RADAR = """
[[sensor]]
id = "radar-{k}"
kind = "radar"
latitude_deg = {lat:.6f}
longitude_deg = {lon:.6f}
height_m = 40.0
sigma_range_m = 15.0
sigma_azimuth_deg = 0.1
detection_probability = 0.95
clutter_per_look = 5.0
look_period_s = {period_s}
max_range_m = 120000.0

[[feed]]
sensor = "radar-{k}"
format = "asterix"
source = "udp://127.0.0.1:{port}"
"""


@dataclass(frozen=True)
class Load:
    """``n_target`` targets in wide turns under ``n_radar`` radars that turn once in ``period_s``."""

    n_target: int = 1_000
    n_radar: int = 4
    period_s: float = 0.8
    first_port: int = 28_600  # loopback UDP, one each
    datagram_s: float = 0.01
    seed: int = 1

    def radar_east_north_m(self, k: int) -> tuple[float, float]:
        turn = 2 * math.pi * k / self.n_radar
        return 9_000.0 * math.sin(turn), 9_000.0 * math.cos(turn)

    def write_site(self, path: Path) -> None:
        text = SITE.format(lat=ORIGIN_DEG[0], lon=ORIGIN_DEG[1])
        for k in range(self.n_radar):
            east, north = self.radar_east_north_m(k)
            lat = ORIGIN_DEG[0] + north / 111_400.0
            lon = ORIGIN_DEG[1] + east / (111_320.0 * math.cos(math.radians(ORIGIN_DEG[0])))
            text += RADAR.format(k=k, lat=lat, lon=lon, period_s=self.period_s, port=self.first_port + k)
        path.write_text(text, encoding="utf-8")

    def datagrams(self, start_s: float, duration_s: float) -> Iterator[tuple[float, int, bytes, int]]:
        """(when to send, UTC seconds; port; bytes; plots in it), in order of time, made as they are asked for."""
        rng = np.random.default_rng(self.seed)
        # everybody turns about a point of his own, gently, so that an hour later all are still there
        centre = rng.uniform(-25_000.0, 25_000.0, (self.n_target, 2))
        radius = rng.uniform(3_000.0, 8_000.0, self.n_target)
        turn = rng.uniform(10.0, 60.0, self.n_target) / radius * rng.choice((-1.0, 1.0), self.n_target)
        phase = rng.uniform(0, 2 * math.pi, self.n_target)
        level = rng.integers(20, 400, self.n_target)  # quarters of a flight level: 150 m to 3 km
        for step in range(int(duration_s / self.datagram_s)):
            from_s = step * self.datagram_s
            angle = phase + turn * from_s
            place = centre + radius[:, None] * np.column_stack((np.sin(angle), np.cos(angle)))
            for k in range(self.n_radar):
                beam = (from_s / self.period_s + k / self.n_radar) % 1.0 * 2 * math.pi
                width = 2 * math.pi * self.datagram_s / self.period_s
                offset = place - np.array(self.radar_east_north_m(k))
                azimuth = np.arctan2(offset[:, 0], offset[:, 1]) % (2 * math.pi)
                lit = np.flatnonzero((azimuth - beam) % (2 * math.pi) < width)
                if len(lit):
                    when_s = start_s + from_s
                    up = level[lit] * 25.0 * 0.3048 - 40.0
                    slant = np.sqrt((offset[lit] ** 2).sum(axis=1) + up**2) + rng.normal(0, 15.0, len(lit))
                    seen = azimuth[lit] + rng.normal(0, math.radians(0.1), len(lit))
                    yield when_s, self.first_port + k, block(when_s, k + 1, slant, seen, level[lit]), len(lit)


def block(when_s: float, sic: int, range_m: np.ndarray, azimuth_rad: np.ndarray, level: np.ndarray) -> bytes:
    """One CAT048 data block: items 010, 140, 020, 040, 090 (FSPEC F4)."""
    tod = int(when_s % 86_400 * 128).to_bytes(3, "big")
    head = b"\xf4" + bytes((25, sic)) + tod + b"\x20"
    rho = np.clip(np.round(range_m / (NM_M / 256)), 0, 65_535).astype(int)
    theta = np.round(azimuth_rad / (2 * math.pi) * 65_536).astype(int) % 65_536
    records = b"".join(head + struct.pack(">HHH", r, t, int(f)) for r, t, f in zip(rho, theta, level, strict=True))
    return b"\x30" + (len(records) + 3).to_bytes(2, "big") + records


def send(load: Load, duration_s: float, log: list[tuple[float, float, int]]) -> None:
    """Send in real time; appends (event time, when it was really sent, plots) of each datagram to ``log``."""
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    start_s = time.time() + 0.5
    for when_s, port, payload, plots in load.datagrams(start_s, duration_s):
        wait_s = when_s - time.time()
        if wait_s > 0:
            time.sleep(wait_s)
        out.sendto(payload, ("127.0.0.1", port))
        log.append((math.floor(when_s * 128) / 128, time.time(), plots))
    out.close()
