"""Imports run one way. Every edge that flows uphill or sideways is reported."""

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
SRC = Path(__file__).parents[2] / "src/lowsky"
RIVER = [
    "constants errors clock",
    "model",
    "geo wire",
    "kernels",
    # siblings never import each other
    "feeds simulate align track classify warn record evaluate interference outputs",
    "engine",
    "serve",
    "cli",
]
DEPTH = {name: depth for depth, names in enumerate(RIVER) for name in names.split()}
OF_FEEDS = {"manifest", "files"}  # what a feed's package may use of ``feeds``; the rest is the supervisor's


def imported(path):
    """Yield every absolute import of ``lowsky`` in one file, as dotted parts below it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith("lowsky.") and not name.startswith("lowsky.__"):
                yield name.split(".")[1:]


def modules_for_development():
    """Modules that only the dev group brings: tests' tools and the peers that benchmarks run beside lowsky."""
    told = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["dependency-groups"]["dev"]
    wanted = {re.match(r"[\w.-]+", line).group().lower() for line in told}
    return {m for m, owners in packages_distributions().items() if wanted & {owner.lower() for owner in owners}}


def foreign(src, modules):
    """Every import of one of ``modules``, wherever in a file it stands, as text."""
    found = []
    for path in sorted(src.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            found += [f"{path}: {name}" for name in names if name.partition(".")[0] in modules]
    return found


def uphill(src):
    """Every import between folders that does not go strictly down the river, as text."""
    found = []
    for path in sorted(src.rglob("*.py")):
        here = path.relative_to(src).parts[0].removesuffix(".py")
        if here.startswith("__"):
            continue
        if here not in DEPTH:
            found.append(f"{path}: {here!r} has no place in RIVER")
            continue
        for there in {parts[0] for parts in imported(path)}:
            if there != here and DEPTH.get(there, 99) >= DEPTH[here]:
                found.append(f"{path}: {here} imports {there}")
    return found


def sideways(src, folder, allowed):
    """Every import of a package in ``folder`` from ``folder`` but from itself and from ``allowed``, as text."""
    found = []
    packages = {path.parent.name for path in (src / folder).glob("*/__init__.py")}
    for package in sorted(packages):
        for path in sorted((src / folder / package).rglob("*.py")):
            for parts in imported(path):
                if parts[0] == folder and len(parts) > 1 and parts[1] not in allowed | {package}:
                    found.append(f"{path}: {package} imports {folder}.{parts[1]}")
    return found


def modules_of(src, folder):
    return {path.stem for path in (src / folder).glob("*.py")}


def test_imports_run_one_way():
    assert uphill(SRC) == []


def test_a_feed_knows_no_other_feed_and_nothing_of_the_supervisor():
    machinery = [f for f in sideways(SRC, "feeds", OF_FEEDS) if "transport imports" not in f]
    assert machinery == []


def test_transports_know_no_feed():
    feeds = {path.parent.name for path in (SRC / "feeds").glob("*/__init__.py")} - {"transport"}
    for path in (SRC / "feeds/transport").glob("*.py"):
        assert not feeds & {parts[1] for parts in imported(path) if parts[0] == "feeds"}


def test_a_wire_format_knows_no_other():
    assert sideways(SRC, "wire", modules_of(SRC, "wire")) == []


def test_peers_and_tools_of_the_tests_are_never_imported():
    modules = modules_for_development()
    assert {"stonesoup", "pytest", "scipy"} <= modules
    assert foreign(SRC, modules) == []


def test_the_guard_sees_a_peer_inside_a_function(tmp_path):
    (tmp_path / "track.py").write_text("def f():\n    from stonesoup.types import track\n    import scipy.spatial\n")
    assert len(foreign(tmp_path, modules_for_development())) == 2


def test_the_guard_sees_an_uphill_and_a_sideways_import(tmp_path):
    for folder in ("track", "feeds/one", "feeds/two"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "__init__.py").write_text("")
    (tmp_path / "track/gate.py").write_text("from lowsky.feeds import asterix\n")
    (tmp_path / "feeds/one/normalise.py").write_text("import lowsky.feeds.two\nfrom lowsky.feeds import registry\n")
    (tmp_path / "newcomer.py").write_text("")
    assert len(uphill(tmp_path)) == 2
    assert len(sideways(tmp_path, "feeds", OF_FEEDS)) == 2
