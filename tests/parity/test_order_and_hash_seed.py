"""The event stream does not depend on the order of feeds, nor on Python's hash seed, nor on where it was saved."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from lowsky.align.funnel import Funnel
from lowsky.engine.config import read_site
from lowsky.engine.offline import open_input, ticks_of
from lowsky.engine.pipeline import Pipeline
from lowsky.simulate import simulate
from tests.parity.stream import Digest, of_files

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def raid(tmp_path_factory):
    """Forty seconds of the harbour raid, one measurement table for each sensor."""
    folder = tmp_path_factory.mktemp("raid")
    made = simulate("harbour-raid", seed=3, duration_s=40.0)
    site = folder / "site.toml"
    site.write_text(made.site_toml, encoding="utf-8")
    files = []
    for (sensor,), rows in made.measurements.partition_by("sensor", as_dict=True).items():
        files.append(folder / f"{sensor}.parquet")
        rows.drop([c for c in rows.columns if rows[c].null_count() == len(rows)]).write_parquet(files[-1])
    return site, files, made.measurements


def in_a_process(site, files, hash_seed):
    ran = subprocess.run(
        [sys.executable, "-m", "tests.parity.stream", str(site), *map(str, files)],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)}, cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return ran.stdout.strip()


def test_files_in_another_order_and_under_another_hash_seed_give_the_same_bytes(raid):
    site, files, _ = raid
    first = in_a_process(site, files, 1)
    assert int(first.split()[2]) > 20, "a stream with hardly an event shows nothing"
    assert in_a_process(site, files[::-1], 4711) == first


def test_all_sensors_in_one_table_give_the_same_stream_as_one_table_each(raid, tmp_path):
    site, files, measurements = raid
    together = tmp_path / "all.parquet"
    measurements.sort("received", maintain_order=True).write_parquet(together)
    assert of_files(site, [together]).hex == of_files(site, files).hex


def test_a_pipeline_saved_and_loaded_half_way_goes_on_byte_for_byte(raid):
    site_path, files, _ = raid
    site = read_site(site_path)
    ticks = list(ticks_of([open_input(path, site) for path in files], site, Funnel(site)))
    straight, broken = Digest(), Digest()
    pipeline = Pipeline(site)
    for tick in ticks:
        straight.step(tick, pipeline.step(tick), pipeline)
    pipeline = Pipeline(site)
    for place, tick in enumerate(ticks):
        if place == len(ticks) // 2:
            saved = pipeline.dump()
            pipeline = Pipeline(site)
            pipeline.load(saved)
        broken.step(tick, pipeline.step(tick), pipeline)
    assert broken.hex == straight.hex


def test_another_seed_is_another_stream(raid, tmp_path):
    """The digest can tell streams apart."""
    site, files, _ = raid
    other = simulate("harbour-raid", seed=4, duration_s=40.0)
    path = tmp_path / "other.parquet"
    other.measurements.filter(pl.col("sensor").is_not_null()).write_parquet(path)
    assert of_files(site, [path]).hex != of_files(site, files).hex
