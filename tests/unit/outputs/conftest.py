"""Couriers that do not make a test wait."""

import pytest

from lowsky.outputs import courier, outbox


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    for name, value in (("FIRST_PAUSE_S", 0.01), ("LONGEST_PAUSE_S", 0.05), ("LOOK_EVERY_S", 0.02)):
        monkeypatch.setattr(courier, name, value)
    for name, value in (("PATIENCE_S", 0.1), ("RETRY_S", 0.05)):
        monkeypatch.setattr(outbox, name, value)
