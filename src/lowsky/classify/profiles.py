"""How objects of each class move, echo and fly: the one table that everything but words goes by.

After science.md 4.1, whose marks are kept: [S] a source was read, [K] knowledge of the literature, [A] assumed. The
simulator's sets (``simulate/presets``, ``simulate/signature``) come from the same table, so that figures on simulated
objects are optimistic: they say what the evidence is worth where the table is right. Nothing here is tuned to the
simulator beyond that table; spreads are wider than its ranges where we know of objects outside them.

A density is a mixture of normals, (weight, mean, 1σ) each; a magnitude's density has its negative half folded over.
"""

from dataclasses import dataclass

from lowsky.model.classes import ObjectClass

Mixture = tuple[tuple[float, float, float], ...]
SMOOTH_DB, ROUGH_DB = 3.7, 5.6
"""1σ of an echo from look to look, dB: one strong scatterer among small ones (Swerling 3), many alike (Swerling 1)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One class. ``in_air``: ``speed_mps`` is through the air, else over ground."""

    speed_mps: Mixture  # horizontal
    in_air: bool
    climb_mps: Mixture  # up is positive, mean over half a minute
    unsteady_mps: tuple[float, float]  # 1σ of its speed within half a minute: median, and 1σ of the logarithm
    winding: tuple[float, float]  # 1 − way made good / way flown within half a minute: likewise
    styles: tuple[float, float, float, float]  # share of time it hovers, flies straight, turns, is agile
    rcs_dbsm: Mixture  # mean of one object's echo, from one object to the next
    rough: float  # share of objects whose echo fluctuates as ROUGH_DB, the rest as SMOOTH_DB
    height_m: Mixture  # above ground; folded


C = ObjectClass
PROFILES: dict[ObjectClass, Profile] = {
    C.MULTIROTOR: Profile(
        # 5–15, at most 16–23 [K]; racers, one of the four kinds, 20–35, at most 45 [K]; hovers
        speed_mps=((0.22, 0.0, 1.5), (0.50, 9.0, 4.0), (0.14, 18.0, 4.0), (0.14, 28.0, 7.0)), in_air=False,
        climb_mps=((0.75, 0.0, 0.7), (0.25, 0.0, 3.5)),  # ±5 [K]
        unsteady_mps=(2.5, 1.0), winding=(0.15, 1.5), styles=(0.30, 0.38, 0.22, 0.10),
        rcs_dbsm=((0.25, -21.0, 4.0), (0.5, -13.5, 4.0), (0.25, -8.5, 3.5)),  # −25…−17 [A], −19.1…−8.1 [S], −12…−5 [A]
        rough=0.35, height_m=((0.8, 0.0, 120.0), (0.2, 200.0, 250.0)),
    ),
    C.FIXED_WING_DRONE: Profile(
        # 12–25, at most 35 [K]; electric X-wings 22–31, longer ones to 50 [K]
        speed_mps=((0.8, 18.5, 4.5), (0.2, 28.0, 7.0)), in_air=True, climb_mps=((0.8, 0.0, 0.8), (0.2, 0.0, 3.0)),
        unsteady_mps=(1.0, 0.7), winding=(0.05, 2.0), styles=(0.01, 0.75, 0.20, 0.04),
        rcs_dbsm=((1.0, -12.0, 5.5),),  # −18…−5, lobes ± 10 dB [S]
        rough=0.7, height_m=((0.7, 0.0, 180.0), (0.3, 400.0, 400.0)),
    ),
    C.DELTA_DRONE: Profile(
        # piston 42–51 [S], decoy 40–45 [K], larger ones 50–115 [K], jet 100–170 [K]
        speed_mps=((0.65, 46.0, 5.0), (0.15, 75.0, 20.0), (0.2, 135.0, 25.0)), in_air=True,
        climb_mps=((0.85, 0.0, 0.8), (0.15, -2.0, 6.0)), unsteady_mps=(1.0, 0.7), winding=(0.01, 1.8),
        styles=(0.005, 0.90, 0.07, 0.025),
        rcs_dbsm=((0.7, -5.0, 4.5), (0.3, -12.0, 5.0)),  # −10…0 [A]; decoys −20…−5 [A]
        rough=0.7, height_m=((0.6, 0.0, 250.0), (0.4, 800.0, 800.0)),
    ),
    C.BIRD: Profile(
        # 138 species: airspeed 8–23 [S]; small ones and bats slower at times [K]
        speed_mps=((0.15, 7.0, 2.0), (0.7, 12.5, 3.0), (0.15, 17.5, 3.0)), in_air=True,
        climb_mps=((0.75, 0.0, 0.7), (0.25, 1.0, 1.8)),  # thermals +1…+4 [K]
        unsteady_mps=(1.2, 0.6), winding=(0.12, 1.8), styles=(0.04, 0.48, 0.36, 0.12),
        rcs_dbsm=((0.4, -36.0, 5.5), (0.35, -24.0, 4.0), (0.25, -16.0, 4.0)),  # −45…−28, −30…−18, −22…−10 [K]
        rough=0.8, height_m=((0.65, 0.0, 150.0), (0.35, 300.0, 400.0)),
    ),
    C.FLOCK: Profile(
        speed_mps=((0.7, 13.0, 3.0), (0.3, 17.5, 3.0)), in_air=True, climb_mps=((0.8, 0.0, 0.7), (0.2, 1.0, 1.8)),
        unsteady_mps=(0.9, 0.6), winding=(0.05, 1.9), styles=(0.02, 0.65, 0.25, 0.08),
        rcs_dbsm=((1.0, -10.0, 6.0),),  # up to 0 [K]
        rough=0.8, height_m=((0.4, 0.0, 200.0), (0.6, 400.0, 500.0)),
    ),
    C.BALLOON: Profile(
        # goes with the wind ± 0.7 [A]: here as fast as winds are; see ``wind``
        speed_mps=((0.6, 5.0, 3.5), (0.4, 12.0, 6.0)), in_air=False,
        climb_mps=((0.45, 0.6, 0.9), (0.15, 0.0, 0.5), (0.4, 4.2, 1.3)),  # −0.5…2 [A], 5 [S]; at its level 0
        unsteady_mps=(0.7, 0.5), winding=(0.02, 1.5), styles=(0.10, 0.84, 0.03, 0.03),
        rcs_dbsm=((0.6, -7.0, 6.0), (0.25, 0.0, 4.0), (0.15, -30.0, 4.0)),  # foil, payload, latex: 4.1 [A]
        rough=0.4, height_m=((0.4, 0.0, 500.0), (0.6, 1500.0, 2500.0)),
    ),
    C.PARAGLIDER: Profile(
        # 8–14, ultralights 18–40 [K]
        speed_mps=((0.6, 10.5, 2.5), (0.4, 26.0, 7.0)), in_air=True, climb_mps=((0.6, -0.5, 1.0), (0.4, 1.5, 1.5)),
        unsteady_mps=(1.2, 0.7), winding=(0.15, 2.0), styles=(0.03, 0.55, 0.38, 0.04),
        rcs_dbsm=((1.0, 0.0, 4.0),),  # −5…5 [A]
        rough=0.8, height_m=((0.5, 0.0, 400.0), (0.5, 700.0, 600.0)),
    ),
    C.AEROPLANE: Profile(
        # 35–90 [K]; airliners faster [K]; on the ground of an airport slower
        speed_mps=((0.08, 0.0, 8.0), (0.45, 55.0, 15.0), (0.22, 90.0, 25.0), (0.25, 200.0, 50.0)), in_air=True,
        climb_mps=((0.5, 0.0, 1.0), (0.5, 0.0, 6.0)), unsteady_mps=(1.2, 0.9), winding=(0.005, 1.8),
        styles=(0.005, 0.90, 0.075, 0.02),
        rcs_dbsm=((0.6, 6.0, 4.0), (0.4, 16.0, 5.0)),  # 0…12 [K]; airliners above [A]
        rough=0.8, height_m=((0.4, 300.0, 400.0), (0.6, 3000.0, 4000.0)),
    ),
    C.HELICOPTER: Profile(
        speed_mps=((0.2, 0.0, 3.0), (0.3, 20.0, 12.0), (0.5, 55.0, 14.0)), in_air=False,  # 0–85 [K]
        climb_mps=((0.6, 0.0, 0.8), (0.4, 0.0, 4.0)), unsteady_mps=(2.0, 1.0), winding=(0.02, 2.0),
        styles=(0.12, 0.75, 0.08, 0.05),
        rcs_dbsm=((1.0, 9.0, 4.5),),  # 3…15 [K]
        rough=0.8, height_m=((0.7, 0.0, 300.0), (0.3, 500.0, 500.0)),
    ),
    C.VEHICLE: Profile(
        speed_mps=((0.2, 0.0, 1.0), (0.5, 13.0, 6.0), (0.3, 28.0, 9.0)), in_air=False,  # 0–45 [K]
        climb_mps=((1.0, 0.0, 0.4),), unsteady_mps=(2.5, 0.9), winding=(0.03, 2.0), styles=(0.20, 0.50, 0.15, 0.15),
        rcs_dbsm=((1.0, 12.0, 5.0),),  # 5…20 [K]
        rough=0.8, height_m=((1.0, 0.0, 4.0),),  # at terrain height [K]
    ),
    C.CLUTTER: Profile(
        # rain, sea and insects drift; what hops from false plot to false plot is unsteady [A]
        speed_mps=((0.4, 0.0, 2.0), (0.6, 6.0, 5.0)), in_air=False, climb_mps=((0.5, 0.0, 1.0), (0.5, 0.0, 4.0)),
        unsteady_mps=(2.5, 1.0), winding=(0.35, 1.5), styles=(0.45, 0.20, 0.15, 0.20),
        rcs_dbsm=((1.0, -18.0, 12.0),), rough=0.9, height_m=((0.7, 0.0, 60.0), (0.3, 100.0, 300.0)),
    ),
    C.WIND_TURBINE: Profile(
        speed_mps=((1.0, 0.0, 2.0),), in_air=False, climb_mps=((1.0, 0.0, 1.5),), unsteady_mps=(1.5, 1.0),
        winding=(0.5, 1.0), styles=(0.75, 0.10, 0.08, 0.07),
        rcs_dbsm=((1.0, 30.0, 8.0),),  # 20…50 [K]
        rough=0.9, height_m=((1.0, 80.0, 60.0),),
    ),
    # anything else: at least twice as broad as the widest of the classes above (science.md 4.4)
    C.UNKNOWN: Profile(
        speed_mps=((0.5, 0.0, 25.0), (0.3, 40.0, 50.0), (0.2, 150.0, 150.0)), in_air=False,
        climb_mps=((0.5, 0.0, 2.5), (0.5, 0.0, 12.0)), unsteady_mps=(2.0, 1.8), winding=(0.08, 3.0),
        styles=(0.20, 0.50, 0.20, 0.10), rcs_dbsm=((0.5, -15.0, 16.0), (0.5, 0.0, 24.0)), rough=0.6,
        height_m=((0.5, 0.0, 500.0), (0.5, 0.0, 5000.0)),
    ),
}  # fmt: skip
