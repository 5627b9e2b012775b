"""What goes wrong between the sky and the table: a sensor's constant errors, and a link that stands still."""

import msgspec
import numpy as np

from lowsky.constants import SECOND_NS
from lowsky.model.measurement import Ints
from lowsky.simulate.rows import Columns, Rows
from lowsky.simulate.scenario import Cells, Link, Registration, Scenario, Sensor
from lowsky.simulate.start import Generator, draw


def idealised(scenario: Scenario) -> Scenario:
    """The same scenario with sensors that are registered, links that work and no resolution cells.

    For reference lines: with the same seed, truth, detections, noise and false alarms are the same ones, so that a
    row differs only by what was switched off. Patches of clutter stay.
    """
    perfect = {"registration": Registration(), "link": Link(), "cells": Cells()}
    sensors = tuple(msgspec.structs.replace(sensor, **perfect) for sensor in scenario.sensor)
    return msgspec.structs.replace(scenario, sensor=sensors)


def registration_of(rng: Generator, sensor: Sensor) -> Registration:
    """The sensor's errors in this run, with their signs."""
    said = sensor.registration
    if not said.signs_drawn:
        return said
    sign = rng.choice([-1.0, 1.0], 4).tolist()
    return Registration(
        range_m=sign[0] * said.range_m,
        azimuth_deg=sign[1] * said.azimuth_deg,
        elevation_deg=sign[2] * said.elevation_deg,
        time_s=sign[3] * said.time_s,
    )


def misregistered(error: Registration, columns: Columns) -> Columns:
    """The plots, moved by the sensor's errors."""
    out = dict(columns)
    for name in ("range_m", "azimuth_deg", "elevation_deg"):
        offset = getattr(error, name)
        if name in out and offset != 0.0:
            moved = out[name].astype(np.float64) + offset
            out[name] = moved % 360.0 if name == "azimuth_deg" else moved
    return out


def delivered(rng: Generator, sensor: Sensor, rows: Rows, start_ns: int, error_s: float) -> Rows:
    """The rows with the times the sensor states, and when they reach us: late ones late, stalled ones all at once."""
    link = sensor.link
    arrives = rows.t_recv_ns
    if link.late_share > 0.0:
        arrives = arrives + _late(rng, sensor, rows.look)
    if link.stall_s > 0.0:
        arrives = arrives + _wait(link, arrives - start_ns)
    stated = rows.t_meas_ns + round(error_s * SECOND_NS)
    return Rows(rows.look, stated, arrives, rows.columns)


def _late(rng: Generator, sensor: Sensor, look: Ints) -> Ints:
    """Nanoseconds more: of some looks, or of some reports of a cooperative sensor."""
    n = len(look) if sensor.kind == "cooperative" else int(look.max(initial=-1)) + 1
    of = np.arange(n) if sensor.kind == "cooperative" else look
    seconds = np.where(rng.random(n) < sensor.link.late_share, draw(rng, sensor.link.late_s, n), 0.0)
    return np.round(seconds * SECOND_NS).astype(np.int64)[of]


def _wait(link: Link, arrives_ns: Ints) -> Ints:
    """Nanoseconds to the end of the stall in which each arrives; ``arrives_ns`` after the start of the run."""
    since = arrives_ns - round(link.stall_from_s * SECOND_NS)
    begun = since >= 0
    if link.stall_every_s is not None:
        since = since % round(link.stall_every_s * SECOND_NS)
    stall_ns = round(link.stall_s * SECOND_NS)
    return np.where(begun & (since < stall_ns), stall_ns - since, 0)
