"""The sums behind the colours: contrast with the map, and difference for eyes that see red and green alike.

Contrast: WCAG 2.2, "relative luminance" and "contrast ratio". Colour vision: G. M. Machado, M. M. Oliveira, L. A. F.
Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), matrices of severity 1.0.
Difference: CIEDE2000, G. Sharma, W. Wu, E. N. Dalal (2005), whose published pairs check the implementation.
"""

import re
from pathlib import Path

import numpy as np
import pytest

CSS = (Path(__file__).parents[3] / "src/lowsky/serve/static/css/theme.css").read_text()
THEMES = ("night", "day", "dark")
DEUTERANOPE = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)


def palette(theme):
    """Variables of a theme, later rules over earlier ones."""
    found = {}
    for selector, body in re.findall(r"(:root[^{]*)\{([^}]*)\}", CSS):
        if selector.strip() == ":root" or f'"{theme}"' in selector:
            new = dict(re.findall(r"--([a-z-]+):\s*(#[0-9A-Fa-f]{6})", body))
            # a rule for one theme is more specific than one for all, wherever it stands
            found = {**new, **found} if selector.strip() == ":root" else {**found, **new}
    return found


def linear(colour):
    c = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255.0
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(a, b):
    one, two = (float(linear(c) @ (0.2126, 0.7152, 0.0722)) for c in (a, b))
    return (max(one, two) + 0.05) / (min(one, two) + 0.05)


def lab(rgb):
    m = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    xyz = m @ rgb / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def ciede2000(p, q):
    (l1, a1, b1), (l2, a2, b2) = p, q
    c_bar = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(c_bar**7 / (c_bar**7 + 25.0**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    dh = 0.0 if c1 * c2 == 0 else (h2 - h1 + 180) % 360 - 180
    big_dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(dh / 2))
    l_bar, c_bar = (l1 + l2) / 2, (c1 + c2) / 2
    h_bar = h1 + h2 if c1 * c2 == 0 else (h1 + dh / 2) % 360
    t = (
        1 - 0.17 * np.cos(np.radians(h_bar - 30)) + 0.24 * np.cos(np.radians(2 * h_bar))
        + 0.32 * np.cos(np.radians(3 * h_bar + 6)) - 0.20 * np.cos(np.radians(4 * h_bar - 63))
    )  # fmt: skip
    s_l = 1 + 0.015 * (l_bar - 50) ** 2 / np.sqrt(20 + (l_bar - 50) ** 2)
    s_c, s_h = 1 + 0.045 * c_bar, 1 + 0.015 * c_bar * t
    r_t = -2 * np.sqrt(c_bar**7 / (c_bar**7 + 25.0**7)) * np.sin(np.radians(60 * np.exp(-(((h_bar - 275) / 25) ** 2))))
    l_, c_, h_ = (l2 - l1) / s_l, (c2 - c1) / s_c, big_dh / s_h
    return float(np.sqrt(l_**2 + c_**2 + h_**2 + r_t * c_ * h_))


@pytest.mark.parametrize(
    ("p", "q", "wanted"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_difference_formula_gives_the_published_numbers(p, q, wanted):
    assert ciede2000(p, q) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", ["unidentified", "cooperative", "suspicious", "clutter"])
def test_symbols_stand_out_from_land_and_sea(theme, name):
    colours = palette(theme)
    for ground in ("sea", "land"):
        assert contrast(colours[name], colours[ground]) >= 3.3, ground


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(
    "name",
    ["text", "muted", "unidentified-text", "cooperative-text", "suspicious-text", "ok-text", "stale-text", "down-text"],
)
def test_text_can_be_read(theme, name):
    """4.5:1; the dark theme is for eyes used to the dark and stays above 3.3:1 for what is less important."""
    colours = palette(theme)
    least = 3.3 if theme == "dark" and name in ("muted", "down-text", "ok-text", "stale-text") else 4.5
    for ground in ("panel", "raised", "select-row"):
        assert contrast(colours[name], colours[ground]) >= least, (ground, contrast(colours[name], colours[ground]))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("pill", ["pill-live", "pill-replay", "pill-lost", "pill-demo"])
def test_black_can_be_read_on_every_pill(theme, pill):
    assert contrast("#000000", palette(theme)[pill]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", ["ok", "stale", "down"])
def test_sensor_marks_can_be_seen_on_their_panel(theme, name):
    """In daylight yellow on white cannot reach 3:1: there the word beside the shape carries it."""
    colours = palette(theme)
    least = 1.5 if (theme, name) == ("day", "stale") else 3.0
    assert contrast(colours[name], colours["panel"]) >= least


@pytest.mark.parametrize(("theme", "least"), [("night", 17.5), ("day", 13.0), ("dark", 19.0)])
def test_unidentified_and_suspicious_differ_for_a_deuteranope(theme, least):
    colours = palette(theme)
    seen = [lab(np.clip(DEUTERANOPE @ linear(colours[n]), 0.0, 1.0)) for n in ("unidentified", "suspicious")]
    assert ciede2000(*seen) >= least - 0.05
