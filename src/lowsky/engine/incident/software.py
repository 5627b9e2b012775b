"""Which programs made a bundle: what somebody needs to run the same again."""

import platform
from hashlib import sha256
from importlib import metadata
from pathlib import Path

import lowsky

_TOLD = ("numba", "llvmlite", "numpy", "pyarrow", "msgspec")


def software() -> dict[str, str]:
    """Versions by name. ``packages_sha256``: of every installed package as ``name==version``, a line each, sorted; and
    ``uv_lock_sha256`` where lowsky runs from a checkout."""
    installed = {
        dist.metadata["Name"].lower(): dist.version for dist in metadata.distributions() if dist.metadata["Name"]
    }
    lines = "".join(f"{name}=={version}\n" for name, version in sorted(installed.items()))
    said = {
        "lowsky": lowsky.__version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": f"{platform.system()} {platform.machine()}",
        **{name: installed[name] for name in _TOLD if name in installed},
        "packages_sha256": sha256(lines.encode()).hexdigest(),
    }
    lock = Path(lowsky.__file__).parents[2] / "uv.lock"
    if lock.is_file() and (lock.parent / "pyproject.toml").is_file():
        said["uv_lock_sha256"] = sha256(lock.read_bytes()).hexdigest()
    return said
