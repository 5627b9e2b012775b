"""What every test gets: float errors raise, sockets only on loopback, one seeded generator."""

import socket

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # the first call of a kernel compiles it
settings.load_profile("untimed")

LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0", "239.")


@pytest.fixture(autouse=True)
def float_errors_raise():
    """NaN made by arithmetic is a bug; NaN that says "missing" is not made by arithmetic."""
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        yield


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch):
    """No test may reach out of this machine."""
    connect = socket.socket.connect

    def guarded(self, address):
        host = address[0] if isinstance(address, tuple) else "127."
        if not str(host).startswith(LOOPBACK):
            raise AssertionError(f"a test tried to reach {host}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def rng():
    return np.random.default_rng(20260920)
