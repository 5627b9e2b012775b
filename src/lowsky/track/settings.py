"""Every number of the tracker, each with its unit and its reason; a site file's [tracker] table may say otherwise."""

import math
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import msgspec


class MotionMode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to move: velocity that lasts, or returns to its own, under white acceleration; or a level turn."""

    name: str
    q_horizontal: float  # density of white acceleration, m²/s³
    q_vertical: float
    damping_horizontal: float = 0.0  # 1/s: velocity returns to zero (with the wind: to the wind's); 0: it lasts
    damping_vertical: float = 0.0
    brake_mps2: float = 0.0  # … no quicker than this; 0: at any rate
    turn_mps2: float = 0.0  # sideways, to the left; such a mode has no damping

    def row(self) -> list[float]:
        """As ``kernels.motion`` wants it."""
        damped = self.damping_horizontal, self.q_horizontal, self.damping_vertical, self.q_vertical
        return [*damped, self.turn_mps2, self.brake_mps2, 0.0, 0.0, 0.0]


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long an object of this kind stays in each mode, s; 0: it does not have it. ``prior``: share of objects."""

    name: str
    prior: float
    stay_s: tuple[float, ...]


# hovering, and going straight up or down: gusts of 1.2 m/s that last 1.4 s (q = 2βσ²)
HOVER = MotionMode(name="hover", q_horizontal=2.0, q_vertical=0.5, damping_horizontal=0.7, brake_mps2=4.0)
CRUISE = MotionMode(name="cruise", q_horizontal=0.1, q_vertical=0.02)  # wind and autopilot
# 22° of bank; the error of a turn of 2 or of 6 m/s² is within what its noise allows
LEFT = MotionMode(name="left", q_horizontal=1.0, q_vertical=0.1, turn_mps2=4.0)
RIGHT = MotionMode(name="right", q_horizontal=1.0, q_vertical=0.1, turn_mps2=-4.0)
# starts, brakes, dives; racing drones. Noisier, and it hops from false plot to false plot
AGILE = MotionMode(name="agile", q_horizontal=20.0, q_vertical=2.0)

# on its way: fixed wing, aeroplane, balloon
STEADY = Behaviour(name="steady", prior=0.4, stay_s=(0.0, 300.0, 8.0, 8.0, 3.0))
BUSY = Behaviour(name="busy", prior=0.6, stay_s=(6.0, 10.0, 5.0, 5.0, 3.0))  # multirotor at work, bird


class TrackerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Defaults need no tuning: whatever depends on a sensor comes from its entry in the site file."""

    # motion
    modes: tuple[MotionMode, ...] = (HOVER, CRUISE, LEFT, RIGHT, AGILE)
    behaviours: tuple[Behaviour, ...] = (STEADY, BUSY)
    # of who reports himself: straight on or agile. Errors of reports last, so that a parked aircraft that hovers would
    # be believed too well, and its track stay behind when it goes
    report_stay_s: tuple[float, ...] = (0.0, 5.0, 0.0, 0.0, 8.0)
    behaviour_lasts_s: float = 600.0  # what is known of an object's behaviour fades with this time constant
    # gusts and autopilots push all who fly straight alike; how much is learnt from them and fades with this (weather);
    # 0: as the mode says
    air_lasts_s: float = 900.0
    air_sigma: float = 0.7  # of the logarithm of that noise, before anything is learnt: a factor of two
    air_straight: float = 0.5  # probability of straight flight from which a track tells of it
    survival_s: float = 600.0  # mean time an object stays in the scene, until the tracks tell

    # existence
    # what a radar teaches about its false plots fades with it (rain crosses its own width in a minute); 0: as the site
    # file says
    clutter_memory_s: float = 60.0
    clutter_memory_looks: float = 30.0  # … but not within fewer looks: a patch takes ten to be known
    # what is learnt of where a radar does not see what other sensors do (walls, trees, a filter) fades with this;
    # 0: detection probability is as the site file says
    detection_memory_s: float = 600.0
    detection_prior: float = 10.0  # chances to be seen that the site file's word is worth
    detection_sigmas: float = 4.0  # a cell differs from it only if chance would not make it so
    undetected_objects: float = 0.2  # objects not yet tracked that a bearing sensor may hear, on average
    objects_at_start: float = 5.0  # that a radar's volume holds when the tracker begins, until its first looks tell
    objects_per_s: float = 0.02  # that come new into a radar's volume, until its looks tell: one a minute
    radar_look_s: float = 2.0  # time in which a radar that states no look period has looked everywhere
    population_shape: float = 0.5  # so few objects found, or gone, outweigh these: they may be wrong by a factor of ten
    clutter_known: float = 0.3  # 1σ of the site file's number of false plots, as a share of it
    births_memory_s: float = 20.0  # a raid is over when nobody has come for some ten looks
    births_shape: float = 0.1  # … and of the rate at which they come: the prior is worth five seconds of watching
    birthplace_prior: float = 5.0  # so many new objects outweigh that they may come from anywhere
    r_report: float = 0.98  # who reports himself is there; the rest is spoofing and decoding faults
    r_anonymous_report: float = 0.5  # a position without an identity: believed after the second
    r_show: float = 0.2  # a track gets its number at this existence
    hits_show: int = 2  # … if a radar saw it twice: when the tracker begins, every plot may well be an object
    r_recycle: float = 5e-5  # below it a candidate goes back to the undetected; docs/science 1.5, "lesson"
    recycle_share: float = 0.02  # … and never above this share of a sensor's own birth probability
    r_confirm: float = 0.9
    hits_confirm: int = 3  # two plots draw a line through any clutter
    crowd_gate: float = 16.0  # as close_gate: a new track is not confirmed while another agrees with it so well …
    # … that is shown, or a candidate that likely: one plot beside it that is hardly clutter
    crowd_least: float = 0.1
    hits_crowd: int = 8  # … unless it has as many rows: they will not come apart
    r_drop_confirmed: float = 0.05
    r_drop_tentative: float = 0.02  # of tracks that were shown
    r_coast: float = 0.5  # docs/science 1.12: shown as fresh above it
    reports_confirm: int = 2  # one report may be a decoding fault
    report_clutter: float = 0.1  # reports of objects without a track per report, over the sensor's whole volume
    hit_weight: float = 0.5  # association weight from which a row counts as the track's

    # silence
    coast_intervals: float = 3.5  # missed updates before coasting: three, and half a one for jitter
    coast_least_s: float = 1.5  # no track coasts sooner
    drop_intervals: float = 8.0  # of a reporting track's own interval
    drop_report_s: float = 30.0  # … but not before this
    drop_s: float = 30.0  # any other track without measurement; looks that miss it are quicker
    blurred_most: int = 6  # looks in a row that fed a track with nobody's plots only
    interval_start_s: float = 5.0  # between updates, until learnt
    max_position_sigma_m: float = 3000.0  # wider than this is no position

    # association
    gate_sigma: float = 4.5  # half-width of the coarse boxes
    edges_per_track: int = 64  # a clutter burst is thinned here, and counted
    p_seen_floor: float = 0.02  # a plot just outside the stated volume is possible
    report_bucket_s: float = 0.25  # anonymous reports closer in time than this are of different objects

    # close tracks
    cell_sigmas: tuple[float, float, float] = (2.0, 2.0, 2.0)  # range, azimuth, elevation: a radar's resolution cell
    close_gate: float = 16.0  # states that agree within four σ may be confused
    overlap_least: float = 0.05  # chance to be in one cell from which it is reckoned with
    apart_prior: float = 4.0  # pairs told apart, or members seen, that a group's own share is weighed against
    rounds: int = 3  # of dealing out a group's hypotheses anew; docs/science 1.5: two to four
    group_most: int = 62  # larger groups are left to belief propagation; each track is a bit in the sampler
    group_overlap: float = 0.25  # chance to be in one cell, by places alone, from which a pair is shown as a group
    sweeps: int = 100  # of the sampler: conditional probabilities averaged over them are good to some 0.02

    # births
    births_most: int = 4096  # candidates a single look may start; a burst beyond it is thinned, and counted
    crossing_s: float = 300.0  # nothing crosses a radar's range sooner: gives the velocity prior
    speed_sigma_mps: tuple[float, float] = (15.0, 120.0)  # bounds of that prior per axis
    climb_sigma_mps: float = 3.0  # vertical; multirotors and balloons reach 5 to 6 m/s, most fly level
    report_speed_sigma_mps: float = 150.0  # an aircraft that gives no velocity
    report_climb_sigma_mps: float = 15.0
    height_prior_m: tuple[float, float, float] = (150.0, 150.0, 0.05)  # above sensor: mean, σ, σ per m of range
    birth_elsewhere_share: float = 0.2  # of new objects that are higher than this, or faster than a newborn may be
    report_height_sigma_m: float = 5000.0  # a report without any height

    # what a sensor's entry leaves out, and what no sensor is better than (1σ)
    radar_sigma: tuple[float, float, float, float] = (30.0, 0.02, 0.03, 1.0)  # m, rad, rad, m/s
    radar_sigma_floor: tuple[float, float, float, float] = (0.5, 1e-4, 1e-4, 0.05)
    bearing_sigma: tuple[float, float] = (0.05, 0.05)  # rad
    bearing_sigma_floor: tuple[float, float] = (1e-4, 1e-4)
    # share of bearings that are far off: reflections (a fifth in a town, hardly any in the open), echoes and gusts
    outlier_share_finder: float = 0.1
    outlier_share_acoustic: float = 0.05
    outlier_share_camera: float = 0.0  # a wrong pixel is another object
    outlier_times: float = 5.0  # how many times their σ is the others' (docs/science 1.4)
    # σ ∝ 1/√SNR (docs/science 1.4) between these times of what the site file says: a strong echo still has errors of
    # calibration and quantisation, and one that passes the threshold is not much weaker than that
    snr_times_radar: tuple[float, float] = (0.5, 2.0)
    snr_times_bearing: tuple[float, float] = (0.3, 5.0)
    low_beam: float = 0.7  # of a radar's beam: nearer to the ground than that its mirror image comes in, too …
    low_beam_times: float = 3.0  # … and elevation is so many times as uncertain; docs/science 5
    # GNSS that states no accuracy: horizontal m, height m, velocity m/s
    report_sigma: tuple[float, float, float] = (10.0, 50.0, 3.0)
    velocity_error_s: float = 5.0  # how long the error of a reported velocity lasts (bias of minutes is seen)
    report_sigma_floor: tuple[float, float, float] = (3.0, 10.0, 0.5)  # docs/science 1.4; velocity: resolution
    sigma_ceiling: float = 1e5  # m, m/s: beyond it a row says nothing; keeps the arithmetic finite
    angle_sigma_ceiling: float = 1.0  # rad
    sigma_floor_state: tuple[float, float] = (0.05, 0.01)  # m, m/s: no state is known better
    sigma_ceiling_state: tuple[float, float] = (20_000.0, 1000.0)  # m, m/s: nor kept worse

    # bearings of somebody else: ``track.strangers``
    strangers: float = 5.0  # objects in a bearing sensor's sight that no track stands for: hidden, weak, lost
    strangers_below: float = 0.35  # rad: their elevation; 150 m up at 400 m, and most are farther off
    stranger_odds: float = 0.05  # that a bearing is one of theirs, from which it does not decide where a track is
    stranger_finer: float = 2.0  # a bearing decides whose σ is so many times finer than the track's

    # identity
    max_speed_mps: float = 600.0  # the fastest civil aircraft with the wind behind it, and margin
    reach_time_s: float = 0.5  # a report's time may be wrong by this
    reach_m: float = 100.0  # its place, beyond its own sigma
    report_age_s: float = 5.0  # older than the track's state by more: not used
    move_after: int = 3  # unreachable reports that agree with each other before the track follows them
    reidentify_s: float = 86_400.0  # an identity that returns within it gets its old number back: same airframe
    swap_s: float = 10.0  # two that cannot be told apart by their states exchange places unseen in so long: a manoeuvre
    swap_mps: float = 5.0  # … for which velocities that differ by this (1σ) are alike
    remembered: int = 10_000  # identities kept for that

    # sensors that deliver tracks
    track_sigma_floor: tuple[float, float, float] = (0.5, 0.5, 0.05)  # m, m, m/s: a radar's own track is no GNSS
    number_doubt: float = 0.02  # chance that a foreign number went over to another object; docs/science 1.10
    tracklet_inflation: float = 2.0  # of the noise that its filter seems to use; docs/science 1.10
    tracklet_least: float = 0.02  # share of a report that must be new for it to count
    tracklet_jump: float = 6.0  # σ of the step between two reports from which the number is another object's
    track_error_lasts_s: float = 4.0  # a filter's time constant, where the site file says none; too long is safe
    track_waits: float = 2.0  # time constants between reports without velocity that are used: e⁻² of the error is old
    track_rounds_most: int = 64  # reports of one track in one batch; a minute of one a second
    foreign_scale: tuple[float, float] = (1.0 / 16.0, 64.0)  # bounds of the factor learnt on variances; stated: from 1
    foreign_learns: float = 0.005  # of its logarithm, per row and unit of d²; some 200 rows
    foreign_most_d2: float = 9.0  # a single row says no more
    foreign_beside_s: float = 5.0  # a track that another sensor fed within this can tell
    foreign_forget_s: float = 60.0  # a number silent for so long is another track's
    foreign_most: int = 20_000  # foreign tracks remembered

    # duplicates
    merge_every_s: float = 1.0
    merge_after: int = 3  # checks in a row that agree in position and velocity, at least; see ``core.checks_to_merge``
    merge_doubt: float = 1e-4  # chance that a radar never saw both of two objects in as many looks
    merge_after_most: int = 60
    merge_gate: float = 16.0  # χ² of 6, 98.6 %
    merge_floor: tuple[float, float] = (5.0, 1.0)  # m, m/s: registration errors between two sensors
    merge_latency_s: float = 0.3  # a report's place lags by this along its velocity
    merge_distance_m: float = 300.0  # never farther apart

    # wedges
    wedge_hits: int = 3  # bearings that agree before a wedge is shown
    wedge_gate: float = 3.0  # σ
    wedge_birth_odds: float = 0.05  # that a bearing nobody explains is an emitter and not clutter
    wedge_show_odds: float = 50.0
    wedge_end_odds: float = 0.005  # a candidate below it is forgotten; one that is shown ends by silence only
    wedge_rate_sigma: float = 0.03  # rad/s: 30 m/s across at 1 km
    wedge_rate_q: float = 1e-5  # rad²/s³
    wedge_silence_s: float = 5.0
    wedges_most: int = 256
    wedge_range_m: float = 2000.0  # where a wedge's mean is put, as nobody knows

    # registration
    # range m, azimuth rad, elevation rad, time s, east m, north m: what is expected before anything is known. Mounting
    # by compass is good to 2°, a level to 1°, a clock without a reference to half a second; places come from a survey
    registration_sigma: tuple[float, float, float, float, float, float] = (50.0, 0.035, 0.02, 0.5, 3.0, 3.0)
    registration_lasts_s: float = 7200.0  # mounts creep and clocks drift within hours
    report_error_lasts: float = 0.25  # of a report's variance, the share that stays the same for a minute
    # of each reporting object: Remote ID's clocks are off by some 0.3 s, an ADS-B place may be 0.6 s old (DO-260B)
    report_clock_sigma_s: float = 0.35

    # where nobody reports, errors relative to one radar: of so many objects, and only if they matter
    plotted_most: int = 12
    plot_sure: float = 0.95  # existence and weight from which a plot surely is a track's
    plot_hits: int = 5
    # of three radars, one that shares less than the first of its tracks gives its place to one that shares the second
    shared_least: float = 0.2
    shared_most: float = 0.8
    shared_agree: float = 0.6  # from which what it does not see says something of its place, not of its errors
    shared_learns: float = 0.1  # weight of one look
    beside_s: float = 5.0  # a track that another sensor fed within this is shared
    relative_matters: tuple[float, float, float] = (0.2, 20.0, 20.0)  # s, m, m; angles and range: the rows' own σ

    # rays: objects known by bearings alone, until these cross
    rays_most: int = 64  # a site's emitters, times the sensors that hear each before the first crossing
    ray_parts: int = 24  # Gaussians of one ray: its shells, and room for what crossings split them into
    ray_reach_m: tuple[float, float] = (100.0, 25_000.0)  # nothing is heard nearer unseen, or farther
    ray_ratio: float = 2.0**0.5  # of one shell to the next: others' bearings cross them, and long ones bend
    ray_width: float = 0.125  # σ of a shell over its range; uniform it were 0.10, the rest is overlap
    ray_q: tuple[float, float] = (0.5, 0.2)  # m²/s³; docs/science 1.3: a drone; it is a ray for seconds only
    ray_birth_s: float = 60.0  # so often an emitter that nobody knew speaks up; else a bearing of nobody is clutter
    ray_look_s: float = 1.0  # look period of a bearing sensor that states none
    ray_recycle: float = 0.0005  # existence below it is nobody
    ray_row_least: float = 0.2  # a bearing that is so little left over by what others saw feeds no ray
    ray_least_psi: float = 1e-6  # 1/rad: a bearing so unlikely competes for nothing
    ray_silence_s: float = 10.0  # without a bearing of its own
    ray_track_r: float = 0.9  # existence from which a place is a track: as ``r_confirm``
    ray_one_weight: float = 0.9  # one Gaussian holds this much: it is a place …
    ray_one_share: float = 0.25  # … if it is no longer than this share of its distance
    ray_narrow_share: float = 0.1  # all together are so narrow: it is a place, whatever their weights
    crossing_share: float = 0.05  # of new places, those where bearings cross and nobody is
    crossing_lasts_s: float = 5.0  # before emitters and bearings have moved on: σ of 50 m at 10 m/s
    ray_join_gate: float = 9.2  # χ² of 2, 99 %: places nearer than this are one object
    emits_silent_s: tuple[float, float] = (60.0, 20.0)  # how long an emitter speaks, and how long it is silent

    max_ahead_s: float = 5.0  # a row later than the tick by more has a broken clock


SETTINGS = TrackerSettings()
"""The defaults."""
FAR_OFF = 1000.0  # a number so many times its default is a slip of units and not a wish
ZERO_MEANS_NONE = ("air_lasts_s", "clutter_memory_s", "detection_memory_s", "undetected_objects")
AT_MOST_ONE = ("r_", "p_")  # names that begin so are probabilities, and those that end so are, too: …
SHARES = ("_share", "_doubt", "_weight", "_floor", "_least")


def settings_of(own: Mapping[str, Any]) -> TrackerSettings:
    """The defaults, but for ``own``, the site file's [tracker] table. Raises ``msgspec.ValidationError`` for what
    ``setting_faults`` finds in types and names."""
    return msgspec.convert(msgspec.to_builtins(SETTINGS) | dict(own), TrackerSettings) if own else SETTINGS


def setting_faults(own: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with a [tracker] table: key, and what would be right. Empty where nothing is."""
    faults = []
    for name, value in own.items():
        if name not in TrackerSettings.__struct_fields__:
            near = get_close_matches(name, TrackerSettings.__struct_fields__, n=1)
            faults.append((name, f"{near[0]}?" if near else "a name of docs/settings.md"))
            continue
        try:
            given = getattr(msgspec.convert({name: value}, TrackerSettings), name)
        except (msgspec.ValidationError, RecursionError) as error:
            faults.append((name, str(error).replace("`", "").replace(" - at $.", " at ")))
            continue
        if name not in ("modes", "behaviours", "report_stay_s"):
            faults += [(name, right) for right in _out_of_bounds(name, given)]
    return faults if faults else _chain_faults(settings_of(own))


def _out_of_bounds(name: str, given: Any) -> list[str]:
    """Numbers have to be within a factor ``FAR_OFF`` of their defaults, probabilities at most 1."""
    default = getattr(SETTINGS, name)
    many = default if isinstance(default, tuple) else (default,)
    for value, usual in zip(given if isinstance(default, tuple) else (given,), many, strict=True):
        low, high = usual / FAR_OFF, usual * FAR_OFF if usual else 1.0
        if name.startswith(AT_MOST_ONE) or (name.endswith(SHARES) and usual < 1.0):
            high = min(high, 1.0)
        if isinstance(usual, int):
            low = max(low, 1.0)
        if not low <= value <= high and not (value == 0.0 and name in ZERO_MEANS_NONE):
            return [f"from {low:g} to {high:g}; the default is {usual:g}"]
    return []


def _chain_faults(settings: TrackerSettings) -> list[tuple[str, str]]:
    """Modes and behaviours have to fit each other."""
    n = len(settings.modes)
    if not 1 <= n <= 8:
        return [("modes", "one to eight modes of motion")]
    if not 1 <= len(settings.behaviours) <= 8:
        return [("behaviours", "one to eight behaviours")]
    stays = [("report_stay_s", settings.report_stay_s)]
    stays += [("behaviours", behaviour.stay_s) for behaviour in settings.behaviours]
    for name, stay_s in stays:
        if len(stay_s) != n or min(stay_s) < 0.0 or not 0.0 < max(stay_s) < math.inf:
            return [(name, f"stay_s: {n} times in seconds, one for each mode, 0 or more, not all 0")]
    if min(b.prior for b in settings.behaviours) < 0.0 or abs(sum(b.prior for b in settings.behaviours) - 1.0) > 1e-6:
        return [("behaviours", "priors of 0 or more that sum to 1")]
    for mode in settings.modes:
        numbers = mode.q_horizontal, mode.q_vertical, mode.damping_horizontal, mode.damping_vertical, mode.brake_mps2
        if not all(0.0 <= x < 1e6 for x in numbers) or not abs(mode.turn_mps2) < 1e3:
            return [("modes", f"{mode.name}: finite numbers, none but turn_mps2 below 0")]
    return []
