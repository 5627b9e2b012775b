"""What a test needs that a machine may lack. Every skip of the suite is made here; tests/architecture guards it.

Three kinds. A program we are held against: skipped where it is missing, but with ``CI=true`` the test fails, for a test
that never runs promises nothing. A recording that nobody may put into the repository: skipped where it does not lie
beside the checkout. A trait of the machine itself, which nothing that we could install would give it.
"""

import ctypes
import functools
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared/data"
Skipped = pytest.skip.Exception
IN_CI = os.environ.get("CI", "").lower() in ("true", "1")


def program(name: str) -> str:
    """The path of a program."""
    found = shutil.which(name)
    if found is None:
        lacks_peer(f"{name} is not installed")
    return found


def peer(name: str) -> Path:
    """The folder of programs of a peer that has an environment of its own."""
    found = Path(__file__).parents[1] / ".peers" / name / "bin"
    if not found.is_dir():
        lacks_peer(f"{name} is not installed")
    return found


def lacks_peer(why: str) -> None:
    """Ends the test for want of a peer."""
    message = f"{why} (tools/install-test-peers.sh)"
    if IN_CI:
        pytest.fail(message)
    pytest.skip(message)


def recording(name: str) -> Path:
    """The path of a file or folder of the recordings that may be read but never copied."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name}: its licence or privacy keeps it out of the repository; it is not beside this checkout")
    return path


def machine(has: bool, lacks: str) -> None:
    """Ends the test where the machine has not what it is about."""
    if not has:
        pytest.skip(f"this machine {lacks}")


# linux/capability.h
_VERSION_3 = 0x20080522
_PASS_OVER_PERMISSIONS = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


class _Head(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def binding_permissions(test):
    """Decorates a test: file permissions bind it even where root runs it (Linux).

    It runs in a thread of its own that has given up root's right to pass over them; those it starts have not got it.
    """

    @functools.wraps(test)
    def bound(*args, **kwargs):
        with ThreadPoolExecutor(1, initializer=_give_up) as thread:
            return thread.submit(test, *args, **kwargs).result()

    return bound


def _give_up() -> None:
    if os.geteuid() != 0:
        return
    libc, head, sets = ctypes.CDLL(None, use_errno=True), _Head(_VERSION_3, 0), (_Sets * 2)()
    libc.capget(ctypes.byref(head), ctypes.byref(sets))
    sets[0].effective &= ~_PASS_OVER_PERMISSIONS
    sets[0].permitted &= ~_PASS_OVER_PERMISSIONS
    if libc.capset(ctypes.byref(head), ctypes.byref(sets)) != 0:
        raise OSError(ctypes.get_errno(), "capset")
