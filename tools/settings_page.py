"""Writes docs/settings.md from the comments of src/lowsky/track/settings.py: `python tools/settings_page.py`."""

import re
import sys
from pathlib import Path
from typing import Any

import msgspec

from lowsky.track.settings import SETTINGS

ROOT = Path(__file__).parents[1]
SOURCE, PAGE = ROOT / "src/lowsky/track/settings.py", ROOT / "docs/settings.md"
BEGIN = "class TrackerSettings("
FIELD = re.compile(r"^    (\w+): [^=]+= .*?(?:  # (.*))?$")
HEAD = """# The tracker's settings

None of these needs to be touched: whatever depends on a sensor comes from its entry in the site file. Who wants one
otherwise writes it, and nothing else, into the site file; a wrong one is a fault with its line, as any other. Numbers
may differ from the default by a factor of 1,000 at most.

```toml
[tracker]
r_confirm = 0.95
clutter_memory_s = 1200.0
```

`modes` and `behaviours` are arrays of tables (`[[tracker.modes]]`) and given whole. Times are in seconds, angles in
radians; σ is one standard deviation. This page is made from the source by `tools/settings_page.py`.
"""


def described() -> list[tuple[str, str, str]]:
    """Section, name and meaning of every setting, in the order of the source."""
    lines = SOURCE.read_text(encoding="utf-8").split(BEGIN)[1].splitlines()
    section, before, found, is_new = "", [], [], True
    for line in lines[1:]:
        if line and not line.startswith("    "):
            break
        if field := FIELD.match(line):
            found.append((section, field[1], " ".join([*before, field[2] or ""]).strip()))
            before, is_new = [], False
        elif line.startswith("    # "):
            if is_new:
                section = line[6:]
            else:
                before.append(line[6:])
            is_new = False
        else:
            before, is_new = [], True
    return found


def shown(value: Any) -> str:
    """A default as the site file has it."""
    if isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
        return ", ".join(part.name for part in value)
    if isinstance(value, tuple):
        return "[" + ", ".join(shown(part) for part in value) + "]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def page() -> str:
    """The page's text."""
    parts, last = [HEAD], ""
    for section, name, meaning in described():
        if section != last:
            parts.append(f"\n## {section[0].upper()}{section[1:]}\n\n| name | default | |\n| --- | --- | --- |\n")
            last = section
        parts.append(f"| `{name}` | {shown(getattr(SETTINGS, name))} | {meaning.replace('|', chr(92) + '|')} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {len(described())} settings", file=sys.stderr)
