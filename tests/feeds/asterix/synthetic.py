"""Synthetic ASTERIX datagrams, encoded by libasterix: no recording of real traffic may be shipped.

A radar near Incheon sees four aircraft, a tracker reports them, an ADS-B station hears them. Everything is made up;
addresses are from a block that no state has been given (ICAO Annex 10, volume III: 0xF…).
"""

import math

import asterix.generated as generated

T0 = 43_200.0  # noon, seconds of the day
TURN_S = 4.0
SECTORS = 32
NM_M = 1852.0
AIRCRAFT = [  # address, callsign, range NM, azimuth °, ground speed m/s, track °, FL, latitude, longitude
    (0xF00001, "TEST1", 12.5, 20.0, 120.0, 200.0, 85.0, 37.6452, 126.6896),
    (0xF00002, "TEST2", 40.25, 118.0, 230.0, 300.0, 350.0, 37.1332, 127.3411),
    (0xF00003, "TEST3", 3.0, 250.5, 45.0, 70.0, 12.0, 37.4331, 126.5406),
    (0xF00004, "", 88.0, 359.0, 251.0, 180.0, -5.0, 38.9136, 126.5671),
]
RADAR = (("SAC", 25), ("SIC", 12))
TRACKER = (("SAC", 25), ("SIC", 100))
STATION = (("SAC", 25), ("SIC", 200))


def spec(category, edition):
    return next(s for s in generated.manifest["CATS"][category] if "{}.{}".format(*s.cv_edition) == edition)


def block(category, edition, records):
    """One data block of the records given as libasterix takes them."""
    cat = spec(category, edition)
    return cat.create([cat.cv_record.create(record) for record in records]).unparse().to_bytes()


def units(value, lsb):
    """The integer of a physical value; libasterix' own rounding wraps silently."""
    return round(value / lsb)


def tod(t):
    return units(t % 86_400.0, 1 / 128)


def plot(t, aircraft, **changes):
    address, callsign, nm, azimuth, _, _, level, _, _ = aircraft
    record = {
        "010": RADAR,
        "140": tod(t),
        "020": ((5, 0, 0, 0, 0, None),),
        "040": (("RHO", units(nm, 1 / 256)), ("THETA", units(azimuth, 360 / 2**16))),
        "070": (0, 0, 0, 0, 0o1234),
        "090": (0, 0, units(level, 0.25) % 2**14),
        "130": {"SAM": -45 % 256, "PAM": -60 % 256},
        "220": address,
        "161": (0, address & 0xFFF),
        "120": {"CAL": (0, 0, 37)},
        "230": (1, 0, 0, 0, 1, 1, 0, 0, 0),
    }
    if callsign:
        record["240"] = callsign
    return {name: value for name, value in (record | changes).items() if value is not None}


def marker(t, sector=None):
    """A north marker, or a crossing of sector (0 … 255)."""
    record = {"010": RADAR, "000": 1 if sector is None else 2, "030": tod(t)}
    return record | ({"041": units(TURN_S, 1 / 128)} if sector is None else {"020": sector})


def system_track(t, aircraft, number, **changes):
    address, callsign, _, _, speed, course, level, latitude, longitude = aircraft
    record = {
        "010": TRACKER,
        "015": 1,
        "070": tod(t),
        "105": (units(latitude, 180 / 2**25) % 2**32, units(longitude, 180 / 2**25) % 2**32),
        "185": tuple(units(speed * f(math.radians(course)), 0.25) % 2**16 for f in (math.sin, math.cos)),
        "060": (0, 0, 0, 0, 0o1234),
        "380": {"ADR": address},
        "040": number,
        "080": ((0, 0, 1, 1, 0, None),),
        "130": units(level * 100.0 + 60.0, 6.25) % 2**16,
        "136": units(level, 0.25) % 2**16,
        "220": units(640.0, 6.25),
        "500": {"APW": (units(0.0004, 180 / 2**25), units(0.0005, 180 / 2**25)), "AGA": 8, "ATV": (4, 6), "ARC": 16},
    }
    if callsign:
        record["245"] = (0, 0, callsign)
    return {name: value for name, value in (record | changes).items() if value is not None}


def adsb_report(t, aircraft, **changes):
    """Edition 2.x."""
    address, callsign, _, _, speed, course, level, latitude, longitude = aircraft
    record = {
        "010": STATION,
        "040": ((0, 1, 0, 0, None), (0, 0, 0, 0, 0, 0, None)),
        "161": (0, address & 0xFFF),
        "071": tod(t),
        "073": tod(t + 0.1),
        "077": tod(t + 0.3),
        "130": (units(latitude, 180 / 2**23) % 2**24, units(longitude, 180 / 2**23) % 2**24),
        "131": (units(latitude, 180 / 2**30) % 2**32, units(longitude, 180 / 2**30) % 2**32),
        "080": address,
        "140": units(level * 100.0 + 60.0, 6.25) % 2**16,
        "090": ((2, 8, None), (1, 3, 9, None), (0, 0, 2, 2, None)),
        "210": (0, 0, 2, 2),
        "145": units(level, 0.25) % 2**16,
        "157": (0, units(640.0, 6.25)),
        "160": (0, units(speed / NM_M, 2**-14), units(course, 360 / 2**16)),
        "170": callsign or "NONAME",
    }
    return {name: value for name, value in (record | changes).items() if value is not None}


def old_adsb_report(t, aircraft, edition="0.26"):
    """Editions 0.2x: another item order, another clock item, coarser positions (0.23: 24 bits, then 32)."""
    bits = 23 if edition == "0.23" else 25
    address, callsign, _, _, speed, course, level, latitude, longitude = aircraft
    return {
        "010": STATION,
        "040": (0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0),
        "030": tod(t),
        "130": tuple(units(angle, 180 / 2**bits) for angle in (latitude, longitude)),
        "080": address,
        "140": units(level * 100.0 + 60.0, 6.25) % 2**16,
        "145": units(level, 0.25) % 2**16,
        "157": units(640.0, 6.25),
        "160": (units(speed / NM_M, 2**-14), units(course, 360 / 2**16)),
        "170": callsign or "NONAME",
    }


def radar_turns(turns, edition=("1.32", "1.29"), t0=T0):
    """Datagrams of a radar: each sector's plots, then the crossing that ends it; north markers between turns."""
    found = [(t0, block(34, edition[1], [marker(t0)]))]
    for turn in range(turns):
        for sector in range(1, SECTORS + 1):
            t = t0 + TURN_S * (turn + sector / SECTORS)
            seen = [a for a in AIRCRAFT if (sector - 1) * 360 / SECTORS <= a[3] < sector * 360 / SECTORS]
            plots = [plot(t - 0.05, a) for a in seen]
            datagram = block(48, edition[0], plots) if plots else b""
            found.append((t, datagram + block(34, edition[1], [marker(t, sector * 256 // SECTORS % 256)])))
        found.append((t0 + TURN_S * (turn + 1) + 0.01, block(34, edition[1], [marker(t0 + TURN_S * (turn + 1))])))
    return found


def tracker_updates(updates, edition=("1.21", "1.6"), t0=T0):
    """Datagrams of a tracker: all aircraft in one block, then an end-of-batch message."""
    found = []
    for k in range(updates):
        t = t0 + 4.0 * k
        end = {"010": TRACKER, "000": 2, "015": 1, "030": tod(t), "020": k}
        records = [system_track(t, a, 100 + n) for n, a in enumerate(AIRCRAFT)]
        found.append((t + 0.4, block(62, edition[0], records) + block(65, edition[1], [end])))
    return found


def station_reports(rounds, edition="2.7", t0=T0):
    """Datagrams of an ADS-B station, one report each."""
    is_old = edition.startswith("0.")
    return [
        (t + 0.4, block(21, edition, [old_adsb_report(t, a, edition) if is_old else adsb_report(t, a)]))
        for k in range(rounds)
        for n, a in enumerate(AIRCRAFT)
        for t in (t0 + k + 0.2 * n,)
    ]
