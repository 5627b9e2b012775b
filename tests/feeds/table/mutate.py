"""Messages of the table feed: JSON lines as a gateway sends them, several to a frame."""

import json
import math

from lowsky.model.site import Sensor


def sensor() -> Sensor:
    return Sensor(
        id="radar-1", kind="radar", latitude_rad=0.65, longitude_rad=2.2, height_m=40.0, sigma_range_m=10.0,
        sigma_azimuth_rad=0.01, look_period_s=1.0, max_range_m=5000.0, elevation_rad=(0.0, math.pi / 4),
    )  # fmt: skip


def rows() -> list[dict]:
    """Looks of the radar with plots, some saying more than others, and every fourth look empty."""
    out = []
    for k in range(40):
        moment = f"2026-11-20T12:00:{k:02d}"
        if k % 4 == 3:
            out.append({"time": f"{moment}.9Z", "sensor": "radar-1", "look": k})
            continue
        for plot in range(k % 5 + 1):
            row = {
                "time": f"{moment}.{plot}25000125Z",
                "sensor": "radar-1",
                "look": k,
                "range_m": 400.5 + 37.25 * k + plot,
                "azimuth_deg": (12.5 * k + plot) % 360.0,
            }
            if plot % 2:
                row |= {"elevation_deg": 3.5, "range_rate_mps": -11.0, "sigma_range_m": 8.0, "snr_db": 14.5}
            if plot == 2:
                row |= {"identity": " 3C6444 ", "class": "multirotor", "rcs_dbsm": -17.0, "received": f"{moment}.95Z"}
            out.append(row)
    return out


def messages() -> list[bytes]:
    lines = [json.dumps(row).encode() + b"\n" for row in rows()]
    return [b"".join(lines[k : k + 3]) for k in range(0, len(lines), 3)]
