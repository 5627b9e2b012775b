"""Write the golden files: one content in four formats, each by another library's writer than the one lowsky uses.

python tests/feeds/table/make_golden.py
"""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

HERE = Path(__file__).parent
START = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
NS = pa.timestamp("ns", "UTC")
TYPES = {"time": NS, "received": NS, "look": pa.int64(), "sensor": pa.string(), "identity": pa.string(),
         "class": pa.string(), "callsign": pa.string()}  # fmt: skip


def iso(milliseconds: float) -> str:
    return (START + timedelta(milliseconds=milliseconds)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def row(**cells) -> dict:
    return cells


def rows() -> list[dict]:
    """A radar, a direction finder and a receiver; every verdict there is; in order of ``received``."""
    out = []
    for look in range(6):
        base = look * 1000.0
        for plot in range(look % 4):
            out.append(
                row(
                    time=iso(base + plot * 137.125),
                    received=iso(base + plot * 137.125 + 20),
                    sensor="radar-1",
                    look=look,
                    range_m=811.37 + 31.1 * plot,
                    azimuth_deg=359.9 + 0.1 * plot - look,
                    elevation_deg=4.2 if plot else None,
                    range_rate_mps=-12.25 if plot == 1 else None,
                    sigma_range_m=7.5 if plot == 2 else None,
                    snr_db=17.0 + plot,
                )
            )
        if look % 4 == 0:
            out.append(row(time=iso(base + 999), received=iso(base + 999), sensor="radar-1", look=look))
        out.append(
            row(
                time=iso(base + 500),
                received=iso(base + 999.5),
                sensor="df-1",
                look=100 + look,
                azimuth_deg=-10.0 - look,
            )
        )
        for k in range(3):
            out.append(
                row(
                    time=iso(base + 990 + k * 3),
                    received=None,
                    sensor="receiver-1",
                    latitude_deg=37.45 + 0.001 * look,
                    longitude_deg=126.6 + 0.01 * k,
                    height_m=120.5 if k else None,
                    east_mps=3.0,
                    north_mps=-4.0,
                    sigma_latitude_deg=0.0001,
                    sigma_height_m=12.0,
                    identity=["3C6444", " UAS-1 ", None][k],
                    callsign=["LOW1", None, 'SKY, "2"'][k],
                    **{"class": ["multirotor", "zeppelin", None][k]},
                )
            )
    end = {"received": iso(7000)}
    out += [
        row(time=iso(7000), sensor="nobody", range_m=1.0, **end),
        row(sensor="radar-1", range_m=1.0, azimuth_deg=1.0, **end),
        row(time=iso(7000), sensor="receiver-1", latitude_deg=95.0, longitude_deg=1.0, **end),
        row(time=iso(7000), sensor="radar-1", range_m=-1.0, azimuth_deg=1.0, **end),
        row(time=iso(7000), sensor="radar-1", range_m=1.0, azimuth_deg=721.0, **end),
        row(time=iso(7000), sensor="radar-1", range_m=1.0, azimuth_deg=1.0, latitude_deg=1.0, **end),
        row(time=iso(7000), sensor="receiver-1", latitude_deg=1.0, **end),
        row(time=iso(7000), sensor="radar-1", azimuth_deg=1.0, **end),
        row(time=iso(7000), sensor="radar-1", **end),
        row(time=iso(7000), sensor="receiver-1", height_m=1.0, **end),
        row(time=iso(7000), sensor="receiver-1", east_mps=1.0, north_mps=2.0, **end),
    ]
    return out


def main() -> None:
    table = rows()
    names = list(dict.fromkeys(name for one in table for name in one))
    full = [{name: one.get(name) for name in names} for one in table]
    (HERE / "golden.jsonl").write_text(
        "".join(json.dumps({k: v for k, v in one.items() if v is not None}) + "\n" for one in full), encoding="utf-8"
    )
    with (HERE / "golden.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(full)

    def cell(name, value):
        return datetime.fromisoformat(value) if value is not None and TYPES.get(name) == NS else value

    arrow = pa.table(
        {name: pa.array([cell(name, one[name]) for one in full], TYPES.get(name, pa.float64())) for name in names}
    )
    pq.write_table(arrow, HERE / "golden.parquet", compression="zstd", row_group_size=10)
    pyarrow.feather.write_feather(arrow, HERE / "golden.arrow", compression="zstd", chunksize=7)


if __name__ == "__main__":
    main()
