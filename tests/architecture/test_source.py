"""Habits a reader can rely on in every file of the package."""

import ast
from pathlib import Path

SRC = Path(__file__).parents[2] / "src/lowsky"
REFERENCE = Path(__file__).parents[1] / "reference"
MAX_LINES = 500
CLOCK_CALLS = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "localtime", "gmtime"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}
CATCH_ALL = {
    # where a bug of ours in a feed is turned into InvariantError with its bytes kept
    "feeds/line.py",
    "feeds/player.py",
    "feeds/transport/tcp.py",
    # a sender's fault must not silence an output for ever
    "outputs/courier.py",
    # the engine's own
    "engine/node.py",
    "engine/keeper.py",  # a start must not fail because of what is recorded
    "cli/live.py",  # hands what its thread raised to the thread that waits
}


def trees(src):
    for path in sorted(src.rglob("*.py")):
        yield path.relative_to(src).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def clock_calls(src):
    """Every use of a clock of the operating system outside clock.py, as text."""
    found = []
    for name, tree in trees(src):
        if name == "clock.py":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
                if node.attr in CLOCK_CALLS.get(owner, ()):
                    found.append(f"{name}:{node.lineno}: {owner}.{node.attr}")
            elif isinstance(node, ast.ImportFrom) and node.module == "time":
                found += [f"{name}:{node.lineno}: time.{a.name}" for a in node.names if a.name in CLOCK_CALLS["time"]]
    return found


def shortcuts(src):
    """Every print, assert, bare except and ``except Exception`` outside the places that may, as text."""
    found = []
    for name, tree in trees(src):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
                found.append(f"{name}:{node.lineno}: print")
            elif isinstance(node, ast.Assert):
                found.append(f"{name}:{node.lineno}: assert")
            elif isinstance(node, ast.ExceptHandler) and name not in CATCH_ALL:
                caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
                if any(c is None or getattr(c, "id", "") in ("Exception", "BaseException") for c in caught):
                    found.append(f"{name}:{node.lineno}: except of everything")
    return found


def compiled(src):
    """Public functions that numba compiles in one folder: name -> docstring."""
    names = {}
    for _, tree in trees(src):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                for decorator in node.decorator_list:
                    called = decorator.func if isinstance(decorator, ast.Call) else decorator
                    if (getattr(called, "id", "") or getattr(called, "attr", "")) in ("njit", "lean", "jit"):
                        names[node.name] = ast.get_docstring(node) or ""
    return names


def functions(folder):
    return {node.name for _, tree in trees(folder) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_only_the_clock_asks_what_time_it_is():
    assert clock_calls(SRC) == []


def test_nothing_prints_asserts_or_catches_everything():
    assert shortcuts(SRC) == []


def test_no_file_is_longer_than_a_reader_stands():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SRC.rglob("*.py")}
    assert {str(path): n for path, n in lengths.items() if n > MAX_LINES} == {}


def test_every_kernel_has_a_slow_twin():
    kernels = compiled(SRC / "kernels")
    assert kernels, "no kernel found: has numba's decorator another name now?"
    twins = functions(REFERENCE)
    alone = [name for name, doc in kernels.items() if name not in twins and "twin" not in doc.lower()]
    assert alone == [], "no function of this name in tests/reference, and its docstring names no other twin"


def test_the_guards_see_what_they_look_for(tmp_path):
    (tmp_path / "bad.py").write_text(
        "import time, datetime\nfrom time import monotonic\nfrom numba import njit\n"
        "time.time()\ndatetime.datetime.now()\nprint(1)\nassert True\n"
        "try:\n    pass\nexcept (OSError, Exception):\n    pass\n"
        "try:\n    pass\nexcept:\n    pass\n"
        "@njit(cache=True)\ndef gate(x):\n    return x\n"
    )
    assert len(clock_calls(tmp_path)) == 3
    assert len(shortcuts(tmp_path)) == 4
    assert compiled(tmp_path) == {"gate": ""}
