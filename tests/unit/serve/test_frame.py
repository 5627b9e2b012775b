"""Frames: what goes in comes out, deltas carry what changed, nothing unknown becomes a number."""

import json
import math
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests import needs
from tests.unit.serve.pictures import SECOND, T0, alert, picture, snapshot

from lowsky.errors import DecodeError
from lowsky.geo.enu import EnuFrame
from lowsky.model.classes import ObjectClass
from lowsky.model.track import IdentityState, PositionKind, TrackStatus
from lowsky.serve import frame as frame_module
from lowsky.serve.columns import COLUMNS, HEADER_BYTES, HISTORY, KEYFRAME, ROW_BYTES, Affiliation, hello
from lowsky.serve.frame import Encoder, pack, unpack

STATIC = Path(__file__).parents[3] / "src/lowsky/serve/static"


def encoded(*pictures):
    encoder = Encoder()
    for one in pictures:
        encoder.update(one)
    return encoder


def test_every_column_starts_on_a_multiple_of_its_own_size_for_any_number_of_rows():
    for n in (1, 2, 3, 7):
        at = HEADER_BYTES
        for column in COLUMNS:
            size = np.dtype(column.wire).itemsize
            assert at % size == 0, column.name
            at += n * size


def test_a_position_survives_the_wire_to_a_centimetre():
    of = snapshot()
    columns = unpack(encoded(picture(of)).frame(0, 1, T0)).columns
    site = picture(of).site
    frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
    back = frame.pos_enu(np.radians(columns["latitude"]), np.radians(columns["longitude"]), columns["height"])
    np.testing.assert_allclose(back, of.x[:, :3], atol=0.02)


def test_moving_a_frame_on_by_its_velocity_gives_the_next_frame():
    """East and north exchanged would pass every look at one frame, and not this."""
    rng = np.random.default_rng(5)
    x = np.concatenate((rng.uniform(-2e4, 2e4, (9, 2)), np.full((9, 1), 200.0), rng.uniform(-40, 40, (9, 3))), axis=1)
    later = x.copy()
    later[:, :3] += 2.0 * x[:, 3:]
    ids = tuple(range(1, 10))
    first = unpack(encoded(picture(snapshot(ids=ids, x=x))).frame(0, 1, T0)).columns
    second = unpack(encoded(picture(snapshot(ids=ids, x=later))).frame(0, 1, T0)).columns
    metre = math.degrees(1.0 / 6_371_000.0)
    north = (second["latitude"] - first["latitude"]) / metre
    east = (second["longitude"] - first["longitude"]) / metre * np.cos(np.radians(first["latitude"]))
    np.testing.assert_allclose(north, 2.0 * first["north"], atol=0.8)  # 1 % of 80 m: a sphere is not the ellipsoid
    np.testing.assert_allclose(east, 2.0 * first["east"], atol=0.8)
    np.testing.assert_allclose(second["height"] - first["height"], 2.0 * first["up"], atol=0.5)


def test_the_ellipse_points_where_the_uncertainty_is_largest():
    P = np.zeros((1, 6, 6))
    along, across, azimuth = 60.0, 20.0, math.radians(30.0)
    u = np.array([math.sin(azimuth), math.cos(azimuth)])
    v = np.array([math.cos(azimuth), -math.sin(azimuth)])
    P[0, :2, :2] = along**2 * np.outer(u, u) + across**2 * np.outer(v, v)
    P[0, 2, 2] = 25.0
    columns = unpack(encoded(picture(snapshot(ids=(1,), P=P))).frame(0, 1, T0)).columns
    assert columns["sigma_major"][0] == pytest.approx(along, rel=1e-3)
    assert columns["sigma_minor"][0] == pytest.approx(across, rel=1e-3)
    assert columns["ellipse_angle"][0] == pytest.approx(30.0, abs=0.05)
    assert columns["sigma_height"][0] == 5.0


def test_a_bearing_only_track_has_no_position_at_all():
    kind = np.array([PositionKind.WEDGE, PositionKind.POINT], np.uint8)
    bearing = np.array([[math.radians(271.5), math.radians(2.0)], [np.nan, np.nan]])
    of = snapshot(ids=(1, 2), position_kind=kind, bearing=bearing, origin_sensor=np.array([0, -1], np.int16))
    columns = unpack(encoded(picture(of)).frame(0, 1, T0)).columns
    for name in ("latitude", "longitude", "height", "east", "north", "sigma_major"):
        assert math.isnan(columns[name][0]), name
        assert math.isfinite(columns[name][1]), name
    assert columns["azimuth"][0] == pytest.approx(271.5)
    assert columns["azimuth_sigma"][0] == pytest.approx(2.0)
    assert columns["origin"][0] == 0.0
    assert math.isnan(columns["azimuth"][1])
    assert math.isnan(columns["origin"][1])


def test_a_range_only_track_has_a_range_and_no_position():
    x = np.array([[3000.0, 4000.0, 10.0, 0.0, 0.0, 0.0]])
    of = snapshot(
        ids=(1,), x=x, position_kind=np.array([PositionKind.RING], np.uint8), origin_sensor=np.zeros(1, np.int16)
    )
    columns = unpack(encoded(picture(of)).frame(0, 1, T0)).columns
    assert columns["range"][0] == pytest.approx(5000.0, abs=0.1)
    assert math.isnan(columns["latitude"][0])


def test_a_height_nobody_measured_is_not_a_height():
    P = np.tile(np.diag([100.0, 100.0, 1e6, 1.0, 1.0, 1.0]), (1, 1, 1))
    columns = unpack(encoded(picture(snapshot(ids=(1,), P=P))).frame(0, 1, T0)).columns
    assert math.isnan(columns["height"][0])
    assert columns["height_datum"][0] == 0


def test_the_three_best_classes_go_out_best_first():
    columns = unpack(encoded(picture()).frame(0, 1, T0)).columns
    assert columns["class_1"][0] == ObjectClass.MULTIROTOR
    assert columns["class_1_probability"][0] == 80
    assert columns["class_2"][0] == ObjectClass.BIRD
    assert columns["class_3_probability"][0] == 0


def test_no_class_goes_out_twice_when_the_verdict_covers_several():
    probability = np.zeros((1, len(ObjectClass)))
    probability[0, [ObjectClass.UNKNOWN, ObjectClass.BIRD, ObjectClass.FLOCK]] = 0.19, 0.41, 0.40
    columns = unpack(encoded(picture(snapshot(ids=(1,), class_probability=probability))).frame(0, 1, T0)).columns
    named = [columns[f"class_{k}"][0] for k in (1, 2, 3)]
    assert named == [ObjectClass.BIRD, ObjectClass.FLOCK, ObjectClass.UNKNOWN]
    assert [columns[f"class_{k}_probability"][0] for k in (1, 2, 3)] == [81, 40, 19]


def test_who_says_its_name_is_cooperative_and_who_an_alert_names_is_suspicious():
    of = snapshot(identity=("abc123", None, None))
    columns = unpack(encoded(picture(of, alerts=(alert(2), alert(1, number=2)))).frame(0, 1, T0)).columns
    wanted = [Affiliation.COOPERATIVE, Affiliation.SUSPICIOUS, Affiliation.UNIDENTIFIED]
    assert columns["affiliation"].tolist() == wanted


def test_an_identity_that_may_be_anothers_is_not_shown_as_certain():
    p = {"identity_probability": np.array([0.7, 0.95, np.nan])}
    texts = {"callsign": ("ONE", "TWO", None)}
    encoder = encoded(picture(snapshot(identity=("abc123", "def456", None), texts=texts, **p)))
    wanted = [Affiliation.UNIDENTIFIED, Affiliation.COOPERATIVE, Affiliation.UNIDENTIFIED]
    assert unpack(encoder.frame(0, 1, T0)).columns["affiliation"].tolist() == wanted
    assert (encoder.labels[1].identity, encoder.labels[1].texts[0]) == ("abc123 ?", "ONE ?")
    assert (encoder.labels[2].identity, encoder.labels[2].texts[0]) == ("def456", "TWO")
    encoder.update(picture(snapshot(t_ns=T0 + SECOND, identity=("abc123", "def456", None), texts=texts)))
    assert encoder.labels[1].identity == "abc123"
    assert unpack(encoder.frame(0, 2, T0)).columns["affiliation"][0] == Affiliation.COOPERATIVE


def test_a_contradicted_claim_is_suspicious_and_has_a_mark_behind_its_name():
    states = np.array([IdentityState.CONTRADICTED, IdentityState.CONSISTENT, IdentityState.NONE], np.uint8)
    encoder = encoded(picture(snapshot(identity=("abc123", "def456", None), identity_state=states)))
    wanted = [Affiliation.SUSPICIOUS, Affiliation.COOPERATIVE, Affiliation.UNIDENTIFIED]
    assert unpack(encoder.frame(0, 1, T0)).columns["affiliation"].tolist() == wanted
    assert (encoder.labels[1].identity, encoder.labels[2].identity) == ("abc123 ≠", "def456")
    since = encoder.version
    encoder.update(picture(snapshot(t_ns=T0 + SECOND, identity=("abc123", "def456", None))))
    assert unpack(encoder.frame(since, 2, T0)).columns["affiliation"].tolist()[:1] == [Affiliation.COOPERATIVE]


def test_a_delta_holds_the_rows_that_changed_and_the_ids_that_went():
    encoder = encoded(picture())
    since = encoder.version
    update = np.array([T0, T0 + SECOND, T0], np.int64)
    encoder.update(picture(snapshot(t_ns=T0 + SECOND // 2, t_update_ns=update, t_state_ns=update)))
    delta = unpack(encoder.frame(since, 2, T0))
    assert delta.header["flags"] == 0
    assert delta.columns["id"].tolist() == [2]
    assert delta.columns["t_update"][0] == pytest.approx(1.0)
    since = encoder.version
    encoder.update(
        picture(snapshot(t_ns=T0 + SECOND // 2, ids=(1, 3), t_state_ns=np.full(2, T0), t_update_ns=np.full(2, T0)))
    )
    delta = unpack(encoder.frame(since, 3, T0))
    assert delta.removed.tolist() == [2]
    assert delta.header["total"] == 2


def test_keyframe_and_deltas_lead_to_the_same_columns():
    rng = np.random.default_rng(11)
    encoder, held, since = Encoder(), {}, 0
    alive = set(range(1, 30))
    for step in range(40):
        alive = {i for i in alive if rng.uniform() > 0.05} | {100 + step}
        ids = tuple(sorted(alive))
        t = T0 + step * SECOND // 4
        update = np.where(rng.uniform(size=len(ids)) < 0.3, t, T0).astype(np.int64)
        x = rng.normal(0, 1000, (len(ids), 6))
        encoder.update(picture(snapshot(t_ns=t, ids=ids, x=x, t_update_ns=update, t_state_ns=update)))
        delta = unpack(encoder.frame(since, step, t))
        since = encoder.version
        if delta.header["flags"] & KEYFRAME:
            held.clear()
        for row, number in enumerate(delta.columns["id"]):
            held[number] = tuple(values[row] for values in delta.columns.values())
        for number in delta.removed:
            del held[number]
        whole = unpack(encoder.frame(0, step, t)).columns
        wanted = {n: tuple(values[row] for values in whole.values()) for row, n in enumerate(whole["id"])}
        assert json.dumps(sorted(held.items())) == json.dumps(sorted(wanted.items()))


def test_a_new_epoch_is_a_keyframe_and_forgets_the_old():
    encoder = encoded(picture(), picture(snapshot(ids=(7,)), epoch=2))
    frame = unpack(encoder.frame(0, 1, T0))
    assert frame.header["flags"] & KEYFRAME
    assert frame.columns["id"].tolist() == [7]
    assert frame.header["epoch"] == 2


def test_a_predicted_state_is_sent_again_after_a_second_and_not_before():
    encoder = encoded(picture())
    for later, rows in ((0.5, 0), (1.2, 3)):
        since = encoder.version
        state = np.full(3, T0 + int(later * SECOND))
        encoder.update(picture(snapshot(t_ns=int(state[0]), t_state_ns=state, t_update_ns=np.full(3, T0))))
        assert unpack(encoder.frame(since, 1, T0)).header["rows"] == rows


def test_labels_are_made_fit_to_show_and_go_out_only_on_change():
    of = snapshot(identity=("a\x1b[31m", None, None), texts={"callsign": ("x" * 500, None, None)})
    encoder = encoded(picture(of))
    assert list(encoder.labels) == [1]
    assert encoder.labels[1].identity == "a\N{REPLACEMENT CHARACTER}[31m"
    assert len(encoder.labels[1].texts[0]) == 64
    version = encoder.labels_version
    update = np.full(3, T0 + SECOND)
    encoder.update(picture(snapshot(t_ns=T0 + SECOND, t_update_ns=update, identity=of.identity, texts=of.texts)))
    assert encoder.labels_version == version


@settings(max_examples=60, deadline=None)
@given(
    x=arrays(np.float64, (3, 6), elements=st.floats(allow_nan=True, allow_infinity=True)),
    diagonal=arrays(np.float64, (3, 6), elements=st.floats(allow_nan=True, allow_infinity=True)),
    probability=arrays(np.float64, 3, elements=st.floats(allow_nan=True, allow_infinity=True)),
    status=st.sampled_from(list(TrackStatus)),
    kind=st.sampled_from(list(PositionKind)),
)
def test_no_state_however_wild_breaks_the_encoder(x, diagonal, probability, status, kind):
    P = np.zeros((3, 6, 6))
    P[:, range(6), range(6)] = diagonal
    of = snapshot(
        x=x, P=P, existence=probability, status=np.full(3, status, np.uint8), bearing=x[:, :2].copy(),
        position_kind=np.full(3, kind, np.uint8), origin_sensor=np.zeros(3, np.int16),
    )  # fmt: skip
    columns = unpack(encoded(picture(of)).frame(0, 1, T0)).columns
    known = np.isfinite(columns["latitude"])
    assert (np.abs(columns["latitude"][known]) <= 90.0).all()
    assert (columns["existence"] <= 100).all()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 400))
def test_bytes_that_are_no_frame_are_refused_and_nothing_else(noise, cut):
    good = encoded(picture()).frame(0, 1, T0)
    for payload in (noise, good[:cut], good + noise):
        if payload == good:
            continue
        with pytest.raises(DecodeError):
            unpack(payload)


def test_rows_take_the_bytes_the_table_says():
    payload = encoded(picture()).frame(0, 1, T0)
    assert len(payload) == HEADER_BYTES + 3 * ROW_BYTES + -3 * ROW_BYTES % 4


@pytest.mark.parametrize("kept", [4, 7, 30])
def test_a_client_is_told_of_every_removal_since_its_last_frame_or_gets_a_keyframe(monkeypatch, rng, kept):
    monkeypatch.setattr(frame_module, "REMOVALS_KEPT", kept)
    encoder, alive, deltas, keyframes = Encoder(), {}, 0, 0
    for step in range(60):
        ids = tuple(sorted(rng.choice(12, rng.integers(1, 9), replace=False).tolist()))
        ids = tuple(i + 1 + 100 * step for i in ids) if step % 9 == 8 else tuple(i + 1 for i in ids)
        encoder.update(picture(snapshot(t_ns=T0 + step * SECOND, ids=ids)))
        alive[encoder.version] = set(ids)
        for since in list(alive)[-8:-1]:
            told = unpack(encoder.frame(since, 1, T0))
            is_whole = bool(told.header["flags"] & KEYFRAME)
            known = set() if is_whole else alive[since] - set(told.removed.tolist())
            assert (known | set(told.columns["id"].astype(int).tolist())) == set(ids)
            deltas, keyframes = deltas + (not is_whole), keyframes + is_whole
    assert deltas > 0 and keyframes > 0


READ_WITH_THE_PAGE = """
import { readFileSync } from 'node:fs';
import { Decoder } from './frame.mjs';
const decoder = new Decoder(JSON.parse(readFileSync('hello', 'utf8')));
const bytes = readFileSync('frame');
const { header, raw, removed } = decoder.decode(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const columns = {};
for (const { name, scale, missing } of decoder.columns) {
  columns[name] = Array.from(raw[name], (value) => (value === missing || value !== value ? null : value * scale));
}
console.log(JSON.stringify({ header, columns, removed: Array.from(removed) }));
"""


def by_node(folder, *arguments):
    """What a script in the folder prints as JSON."""
    command = [needs.program("node"), *arguments]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(run.stdout)


def test_the_page_decodes_what_python_encodes(tmp_path):
    kind = np.array([PositionKind.WEDGE, PositionKind.POINT, PositionKind.POINT], np.uint8)
    bearing = np.array([[1.0, 0.05], [np.nan, np.nan], [np.nan, np.nan]])
    of = snapshot(
        ids=(1, 2, 4_000_000_000), position_kind=kind, bearing=bearing, origin_sensor=np.array([0, -1, -1], np.int16),
        sensors=np.array([1, 2**63, 2**31], np.uint64),
    )  # fmt: skip
    encoder = encoded(picture(of))
    payload = pack(encoder.rows, (9, 4_000_000_001), KEYFRAME | HISTORY, 77, T0, encoder.head(encoder.picture))
    (tmp_path / "frame").write_bytes(payload)
    (tmp_path / "hello").write_text(json.dumps(hello()))
    shutil.copy(STATIC / "js/frame.js", tmp_path / "frame.mjs")
    (tmp_path / "read.mjs").write_text(READ_WITH_THE_PAGE)
    there, here = by_node(tmp_path, "read.mjs"), unpack(payload)
    assert there["header"] == here.header
    assert there["removed"] == here.removed.tolist()
    for name, values in here.columns.items():
        seen = np.array([np.nan if v is None else v for v in there["columns"][name]], np.float64)
        np.testing.assert_array_equal(seen, values, err_msg=name)


APPLY_WITH_THE_PAGE = """
import { readFileSync } from 'node:fs';
import { Decoder } from './js/frame.js';
import { Tracks } from './js/tracks.js';
const decoder = new Decoder(JSON.parse(readFileSync('hello', 'utf8')));
const tracks = new Tracks(decoder.columns);
for (const name of process.argv.slice(2)) {
  const bytes = readFileSync(name);
  tracks.apply(decoder.decode(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)));
}
console.log(JSON.stringify([...tracks.slots.keys()]));
"""


def test_the_page_keeps_the_rows_that_a_delta_after_a_gap_does_not_carry(tmp_path):
    """A replay at full speed leaps by more than five seconds from frame to frame."""
    encoder = encoded(picture(snapshot(ids=(1, 2, 3))))
    (tmp_path / "whole").write_bytes(encoder.frame(0, 1, T0))
    since, later = encoder.version, T0 + 20 * SECOND
    times = np.array([T0, later], np.int64)
    encoder.update(picture(snapshot(t_ns=later, ids=(1, 3), t_update_ns=times, t_state_ns=times)))
    (tmp_path / "delta").write_bytes(encoder.frame(since, 2, later))
    (tmp_path / "again").write_bytes(encoder.frame(0, 3, later))
    (tmp_path / "hello").write_text(json.dumps(hello()))
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "apply.js").write_text(APPLY_WITH_THE_PAGE)
    shutil.copytree(STATIC / "js", tmp_path / "js")

    def shown(*frames):
        return by_node(tmp_path, "apply.js", *frames)

    assert shown("whole", "delta") == [1, 3]
    assert shown("whole", "again") == [1, 3]


def test_the_header_offsets_do_not_overlap():
    taken = list(b"\1" * 4)
    for _, offset, kind in hello()["header"]:
        assert offset >= len(taken) - sum(taken[offset:])
        taken += [0] * (offset - len(taken)) + [1] * struct.calcsize("<" + kind)
    assert len(taken) <= HEADER_BYTES
