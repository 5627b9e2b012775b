"""What benchmarks share: the figures on the screen and in a file, resident memory, and its slope."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np


def print_and_write(found: dict, path: Path | None, hidden: tuple[str, ...] = ()) -> None:
    """One figure a line, but those ``hidden``; all of them as JSON where a path is given."""
    width = max(len(name) for name in found)
    for name, value in found.items():
        if name not in hidden:
            print(f"{name:{width}} {value:.2f}" if isinstance(value, float) else f"{name:{width}} {value}")
    if path is not None:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def arguments(description: str, option: str, default: float) -> argparse.Namespace:
    """The options of a benchmark whose length can be chosen: ``--OPTION NUMBER`` and ``--json OUT``."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(f"--{option}", type=float, default=default)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def measure_minutes(measure: Callable[[float], dict], description: str) -> None:
    """The command of a benchmark that takes an hour, or as many minutes as are asked for."""
    chosen = arguments(description, "minutes", 60.0)
    print_and_write(measure(chosen.minutes), chosen.json)


def _status_mib(field: str, pid: int | str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024.0
    return float("nan")


def resident_mib(pid: int | str = "self") -> float:
    """Resident memory of a process of this machine, MiB; NaN once it has ended (Linux)."""
    return _status_mib("VmRSS", pid)


def peak_mib() -> float:
    """The most that this process has held since its start, or since ``reset_peak``, MiB (Linux)."""
    return _status_mib("VmHWM", "self")


def reset_peak() -> None:
    """Let ``peak_mib`` count from now (Linux)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def slope_of(samples: np.ndarray, from_share: float) -> tuple[np.ndarray, float, float]:
    """The samples (hours, MiB) of the end of a run, from ``from_share`` of its length on; the slope of their
    least-squares line, MiB an hour, and its standard error."""
    late = samples[samples[:, 0] > samples[-1, 0] * from_share]
    (slope, _), cov = np.polyfit(late[:, 0], late[:, 1], 1, cov=True)
    return late, float(slope), float(cov[0, 0] ** 0.5)
