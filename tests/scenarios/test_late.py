"""GIVEN radars and Remote ID WHEN frames come up to 10 s late THEN the settled picture is that of the run in order, and
the picture of each second holds nothing that came after it."""

import numpy as np
import polars as pl
import pytest
from benchmarks.late import frames_late
from rich.console import Console

from lowsky.cli import offline
from lowsky.simulate import simulate

DURATION_S = 15.0


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("late")
    made = simulate("biased-late", seed=102, duration_s=DURATION_S)
    (folder / "site.toml").write_text(made.site_toml, encoding="utf-8")
    return folder, made.measurements


def track(folder, name, rows):
    """The causal and the settled table of measurement rows in order of receipt."""
    rows.sort("received", maintain_order=True).write_parquet(folder / f"{name}.parquet")
    tracks, settled = folder / f"{name}.tracks.parquet", folder / f"{name}.settled.parquet"
    inputs = (str(folder / f"{name}.parquet"),)
    assert offline.track(folder / "site.toml", inputs, tracks, None, settled, Console(quiet=True)) == 0
    return tracks, settled


@pytest.fixture(scope="module")
def in_order(world):
    folder, rows = world
    return track(folder, "in-order", rows.with_columns(received=pl.col("time")).sort("time"))


def test_the_settled_table_of_frames_ten_seconds_late_is_that_of_frames_in_time_byte_for_byte(world, in_order):
    folder, rows = world
    tracks, settled = track(folder, "late", frames_late(rows, np.random.default_rng(1)))
    assert settled.read_bytes() == in_order[1].read_bytes()
    assert len(pl.read_parquet(settled)) > 10 * DURATION_S
    assert tracks.read_bytes() != in_order[0].read_bytes(), "the causal picture cannot know what had not come"


def test_a_stalled_link_and_reports_of_a_relay_settle_to_the_table_of_rows_in_order_of_time(world, in_order):
    folder, rows = world
    _, settled = track(folder, "as-received", rows)
    assert settled.read_bytes() == in_order[1].read_bytes()


def test_nothing_received_after_a_second_changes_the_tables_rows_up_to_it(world):
    folder, rows = world
    rows = frames_late(rows, np.random.default_rng(2))
    whole = pl.read_parquet(track(folder, "whole", rows)[0])
    start = rows["time"].min().replace(microsecond=0)
    for seconds in (6, 11):
        known = rows.filter(pl.col("received") <= start + pl.duration(seconds=seconds))
        cut = pl.read_parquet(track(folder, "cut", known)[0])
        until = known["received"].max().replace(microsecond=0)
        assert cut.filter(pl.col("time") <= until).equals(whole.filter(pl.col("time") <= until))
        assert len(cut.filter(pl.col("time") <= until)) > 20
