"""A recording holds the same bytes whatever Python's hash seed was, and whether it was compacted or not."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import hashlib, sys
import numpy as np
from lowsky.model.measurement import Labels, MeasurementBatch, MeasurementKind
from lowsky.model.ports import SensorReport, Tick
from lowsky.record import Recorder, open_recording
from lowsky.wire.columns import encode_tick

names = {"snr_db", "rcs_dbsm", "nic", "sil"}  # a set: its order depends on the hash seed
recorder = Recorder(sys.argv[1], "[site]", "0.1.0")
for k in range(100):
    z = np.random.default_rng(k).normal(size=(5, 6))
    t = np.full(5, k, np.int64)
    batch = MeasurementBatch("ads-b", MeasurementKind.REPORT, t, t, z, z, attributes={n: z[:, 0].copy() for n in names},
                             texts={n: Labels.of(["a", "b", None, "a", "c"]) for n in {"identity", "callsign"}})
    counts = {n: k for n in names}
    recorder.put(Tick(k, batch, (SensorReport(sensor="ads-b", t_ns=k, connected=True, counts=counts),)))
assert recorder.flush()
recorder.close(float(sys.argv[2]))
print(hashlib.sha256(b"".join(encode_tick(t) for t in open_recording(sys.argv[1]).ticks())).hexdigest())
"""


@pytest.mark.parametrize("compact_s", ["0", "60"])
def test_the_hash_seed_does_not_reach_the_recording(tmp_path, compact_s):
    digests = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path / seed), compact_s],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert len(digests) == 1
