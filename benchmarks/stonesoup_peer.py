"""Stone Soup as a peer: its best practical configuration known to us, fed with lowsky's own measurement batches.

Extended Kalman filter of constant velocity, one global nearest neighbour assignment a sensor, tracks from several
plots in a row (docs/decisions/0051-peers.md says what was chosen and why). A development dependency: nothing below
`src/` imports it.
"""

import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from scipy.spatial import cKDTree
from stonesoup.base import Property
from stonesoup.dataassociator.neighbour import GNNWith2DAssignment
from stonesoup.deleter.time import UpdateTimeDeleter
from stonesoup.hypothesiser.distance import DistanceHypothesiser
from stonesoup.initiator.simple import MultiMeasurementInitiator
from stonesoup.measures import Mahalanobis
from stonesoup.models.measurement.linear import LinearGaussian
from stonesoup.models.measurement.nonlinear import (
    Cartesian2DToBearing,
    CartesianToElevationBearing,
    CartesianToElevationBearingRange,
    CartesianToElevationBearingRangeRate,
)
from stonesoup.models.transition.linear import CombinedLinearGaussianTransitionModel, ConstantVelocity
from stonesoup.predictor.kalman import ExtendedKalmanPredictor
from stonesoup.types.angle import Bearing, Elevation
from stonesoup.types.array import StateVector
from stonesoup.types.detection import Detection
from stonesoup.types.state import GaussianState
from stonesoup.updater.kalman import ExtendedKalmanUpdater

from lowsky.evaluate.tables import track_table
from lowsky.geo.enu import EnuFrame
from lowsky.model.measurement import MeasurementBatch, MeasurementKind
from lowsky.model.site import Sensor, Site
from lowsky.model.track import TrackStatus

VERSION = "1.9.1"
PRIOR_SIGMA_MPS = (12.0, 12.0, 3.0)  # east, north, up; the position is the plot's
PRE_GATE_SIGMA = 4.5
POSITION, VELOCITY = (0, 2, 4), (1, 3, 5)  # of the state east, its rate, north, its rate, up, its rate
STATE = (*POSITION, *VELOCITY)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Settings:
    """What Stone Soup is told of a scenario; lowsky is told the site file alone."""

    q_m2ps3: float
    plots_to_start: int
    confirmed_life_s: float
    tentative_life_s: float = 2.1
    gate_sigma: float = 4.5
    bearing_gate_sigma: float = 3.0
    report_gate_sigma: float = 4.5
    q_up_share: float = 0.1


AGILE = Settings(4.0, 4, 5.0, q_up_share=0.25)
SETTINGS = {
    "S1": Settings(0.1, 3, 6.0),
    "S2": Settings(0.2, 4, 5.0),
    "S3": Settings(0.2, 4, 4.0),
    "S4": AGILE,
    "S5": Settings(0.1, 5, 12.0, tentative_life_s=3.1, gate_sigma=4.0),
    "S6": AGILE,
    "S7": Settings(0.2, 8, 3.0, gate_sigma=3.5),
    "S8": Settings(0.2, 4, 6.0, report_gate_sigma=5.0),
    "S9": Settings(0.2, 4, 5.0),
}
CONFIGURATION = f"""\
Stone Soup {VERSION}: ExtendedKalmanPredictor and -Updater over three ConstantVelocity, F and Q kept per interval;
GNNWith2DAssignment over DistanceHypothesiser(Mahalanobis) for each sensor, before it a cKDTree of the look's positions
(radius {PRE_GATE_SIGMA} · √(largest position variance + plot variance)); MultiMeasurementInitiator (velocity prior
{PRIOR_SIGMA_MPS} m/s), bearings start no tracks; UpdateTimeDeleter. Looks older than the newest one used are dropped.
It is told of each scenario:"""


def configuration(names: list[str]) -> str:
    """What was run, as text for the result."""
    lines = [f"  {name}: " + ", ".join(f"{k} {v:g}" for k, v in asdict(SETTINGS[name]).items()) for name in names]
    return "\n".join([CONFIGURATION, *lines])


class Motion(CombinedLinearGaussianTransitionModel):
    """Keeps F and Q of each interval: 1.7 times as fast as computing them for every prediction."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._matrices, self._covariances = {}, {}

    def matrix(self, time_interval, **options):
        if time_interval not in self._matrices:
            self._matrices[time_interval] = super().matrix(time_interval=time_interval, **options)
        return self._matrices[time_interval]

    def covar(self, time_interval, **options):
        if time_interval not in self._covariances:
            self._covariances[time_interval] = super().covar(time_interval=time_interval, **options)
        return self._covariances[time_interval]


class Plot(Detection):
    """A detection with a position; where it is, and the largest variance of that."""

    place: np.ndarray = Property(doc="float64[3] m, site frame")


class PreGated(GNNWith2DAssignment):
    """Offers each track only the plots near it. Stone Soup's own tree mixes radians, metres and m/s."""

    angle_sigma: float = Property(doc="largest angular sigma of the sensor, rad; 0: no angles")
    range_sigma: float = Property(doc="range sigma or, without angles, position sigma, m")
    origin: np.ndarray = Property(doc="float64[3] m, where the sensor stands")

    def generate_hypotheses(self, tracks, detections, timestamp, **options):
        if not tracks or not detections:
            return super().generate_hypotheses(tracks, detections, timestamp, **options)
        plots = list(detections)
        tree = cKDTree(np.array([plot.place for plot in plots]))
        hypotheses = {}
        for track in tracks:
            prediction = self.hypothesiser.predictor.predict(track, timestamp=timestamp, **options)
            # plain arrays first: Stone Soup's own types are slow to read number by number
            place = np.asarray(prediction.state_vector)[POSITION, 0].astype(np.float64)
            across = self.angle_sigma * math.dist(place, self.origin)
            variance = np.asarray(prediction.covar)[POSITION, POSITION].max() + max(self.range_sigma, across) ** 2
            near = tree.query_ball_point(place, PRE_GATE_SIGMA * math.sqrt(variance))
            offered = {plots[k] for k in near}
            hypotheses[track] = self.hypothesiser.hypothesise(track, offered, timestamp, **options)
        return hypotheses


class View:
    """How one sensor's rows become detections in the site's frame. Stone Soup's bearings run from east, against the
    clock; ours clockwise from north, in the sensor's own level frame."""

    def __init__(self, sensor: Sensor, frame: EnuFrame) -> None:
        self.sensor, self.frame = sensor, frame
        own = EnuFrame.at(sensor.latitude_rad, sensor.longitude_rad, sensor.height_m)
        self.site_from_own = frame.enu_from_ecef @ own.enu_from_ecef.T
        self.origin = frame.pos_enu(
            *(np.float64(v) for v in (sensor.latitude_rad, sensor.longitude_rad, sensor.height_m))
        )
        self.model = self._model()

    def _model(self):
        s, origin = self.sensor, self.origin[:, None]
        if s.measures == MeasurementKind.REPORT:
            sigma = [s.sigma_position_m] * 2 + [s.sigma_height_m] + [s.sigma_velocity_mps] * 3
            known = [k for k in range(6) if sigma[k] is not None]
            return LinearGaussian(6, [STATE[k] for k in known], np.diag([sigma[k] ** 2 for k in known]))
        if s.measures == MeasurementKind.BEARING and s.sigma_elevation_rad is None:
            return Cartesian2DToBearing(
                6, POSITION[:2], np.diag([s.sigma_azimuth_rad**2]), translation_offset=origin[:2]
            )
        sigma = [s.sigma_elevation_rad, s.sigma_azimuth_rad]
        kind, more = CartesianToElevationBearing, {}
        if s.measures == MeasurementKind.RADAR:
            kind, sigma = CartesianToElevationBearingRange, [*sigma, s.sigma_range_m]
            if s.sigma_range_rate_mps is not None:
                kind, more = CartesianToElevationBearingRangeRate, {"velocity_mapping": VELOCITY}
                sigma.append(s.sigma_range_rate_mps)
        return kind(6, POSITION, np.diag(np.square(sigma)), translation_offset=origin, **more)

    def detections(self, batch: MeasurementBatch) -> set[Detection]:
        """One for each row that has what the sensor measures."""
        when = time_of(batch.t_ns)
        if batch.kind == MeasurementKind.REPORT:
            return self._reports(batch, when)
        is_radar = batch.kind == MeasurementKind.RADAR
        azimuth, elevation = batch.z[:, 1 if is_radar else 0], batch.z[:, 2 if is_radar else 1]
        direction = self._directions(azimuth, np.nan_to_num(elevation))
        bearing = np.arctan2(direction[:, 1], direction[:, 0])
        up = np.arctan2(direction[:, 2], np.hypot(direction[:, 0], direction[:, 1]))
        if not is_radar:
            has_up = self.sensor.sigma_elevation_rad is not None
            rows = zip(up.tolist(), bearing.tolist(), strict=True)
            vectors = [[Elevation(e), Bearing(b)] if has_up else [Bearing(b)] for e, b in rows]
            return {self._detection(Detection, vector, when) for vector in vectors}
        measured = batch.z[:, [0]] if self.sensor.sigma_range_rate_mps is None else batch.z[:, [0, 3]]
        places = self.origin + batch.z[:, :1] * direction
        rows = zip(up.tolist(), bearing.tolist(), measured.tolist(), places, strict=True)
        return {
            self._detection(Plot, [Elevation(e), Bearing(b), *rest], when, place=place)
            for e, b, rest, place in rows
            if np.isfinite([e, *rest]).all()
        }

    def _directions(self, azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
        """Unit vectors float64[N, 3] in the axes of the site's frame."""
        level = np.cos(elevation)
        own = np.column_stack((level * np.sin(azimuth), level * np.cos(azimuth), np.sin(elevation)))
        return own @ self.site_from_own.T

    def _reports(self, batch: MeasurementBatch, when: datetime) -> set[Detection]:
        places = self.frame.pos_enu(batch.z[:, 0], batch.z[:, 1], batch.z[:, 2])
        turn = self.frame.local_from_enu(batch.z[:, 0], batch.z[:, 1])
        full = np.hstack((places, np.einsum("nji,nj->ni", turn, batch.z[:, 3:])))
        known = [STATE.index(k) for k in self.model.mapping]
        rows = zip(full[:, known].tolist(), places, strict=True)
        return {self._detection(Plot, z, when, place=place) for z, place in rows if np.isfinite(z).all()}

    def _detection(self, kind, vector: list, when: datetime, **more) -> Detection:
        return kind(StateVector(vector), timestamp=when, measurement_model=self.model, **more)


def time_of(t_ns: int) -> datetime:
    return EPOCH + timedelta(microseconds=t_ns // 1000)


class StoneSoup:
    """The tracker of one run: the body of Stone Soup's ``MultiTargetTracker`` for several sensors."""

    def __init__(self, site: Site, settings: Settings) -> None:
        self.tracks: set = set()
        self.gone: set = set()
        self._newest: datetime = EPOCH
        frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
        self.views = {sensor.id: View(sensor, frame) for sensor in site.sensors}
        q = settings.q_m2ps3
        axes = [ConstantVelocity(q), ConstantVelocity(q), ConstantVelocity(q * settings.q_up_share)]
        predictor, self._updater = ExtendedKalmanPredictor(Motion(axes)), ExtendedKalmanUpdater(None)
        self._associators = {}
        for name, view in self.views.items():
            self._associators[name] = associator(view, predictor, self._updater, settings)
        self._deleter = UpdateTimeDeleter(timedelta(seconds=settings.confirmed_life_s))
        prior = np.zeros(6)
        prior[list(VELOCITY)] = np.square(PRIOR_SIGMA_MPS)
        self._initiators = {
            name: MultiMeasurementInitiator(
                prior_state=GaussianState(np.zeros((6, 1)), np.diag(prior)),
                deleter=UpdateTimeDeleter(timedelta(seconds=settings.tentative_life_s)),
                data_associator=self._associators[name], updater=self._updater, min_points=settings.plots_to_start,
            )
            for name, view in self.views.items() if view.sensor.measures != MeasurementKind.BEARING
        }  # fmt: skip
        held: set = set()  # by all of them: what one radar began another may go on with
        for initiator in self._initiators.values():
            initiator.holding_tracks = held

    def step(self, sensor: str, detections: set[Detection], when: datetime) -> None:
        """One look of one sensor."""
        self.gone = set()
        if when < self._newest:
            return
        self._newest = when
        used = set()
        for track, hypothesis in self._associators[sensor].associate(self.tracks, detections, when).items():
            if hypothesis:
                track.append(self._updater.update(hypothesis))
                used.add(hypothesis.measurement)
            else:
                track.append(hypothesis.prediction)
        self.gone = self._deleter.delete_tracks(self.tracks)
        self.tracks -= self.gone
        if sensor in self._initiators:
            self.tracks |= self._initiators[sensor].initiate(detections - used, when)


def associator(view: View, predictor, updater, settings: Settings) -> GNNWith2DAssignment:
    """The assignment for one sensor. Bearings have no position: all of them are offered to every track."""
    s = view.sensor
    gates = {MeasurementKind.BEARING: settings.bearing_gate_sigma, MeasurementKind.REPORT: settings.report_gate_sigma}
    gate = gates.get(s.measures, settings.gate_sigma)
    hypothesiser = DistanceHypothesiser(predictor, updater, Mahalanobis(), missed_distance=gate)
    if s.measures == MeasurementKind.BEARING:
        return GNNWith2DAssignment(hypothesiser)
    if s.measures == MeasurementKind.REPORT:
        return PreGated(hypothesiser, 0.0, max(s.sigma_position_m, s.sigma_height_m or 0.0), view.origin)
    return PreGated(hypothesiser, max(s.sigma_azimuth_rad, s.sigma_elevation_rad or 0.0), s.sigma_range_m, view.origin)


class Table:
    """Collects what the tracker shows after each look, for the track table."""

    def __init__(self, site: Site) -> None:
        self._frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
        self._ids: dict[str, int] = {}
        self._rows: list[tuple[int, int, TrackStatus, np.ndarray, np.ndarray]] = []

    def put(self, tracker: StoneSoup, t_ns: int) -> None:
        """Every track of now, and once more those that have just been deleted."""
        for track in tracker.tracks | tracker.gone:
            status = TrackStatus.DROPPED if track in tracker.gone else TrackStatus.CONFIRMED
            x = np.array(track.state_vector[list(STATE), 0], np.float64)
            P = np.array(track.covar, np.float64)[np.ix_(STATE, STATE)]
            self._rows.append((t_ns, self._ids.setdefault(track.id, len(self._ids) + 1), status, x, P))

    def frame(self) -> pl.DataFrame:
        """The track table (docs/contract.md), those columns that a score needs."""
        return track_table(
            self._frame,
            np.array([row[0] for row in self._rows], np.int64),
            np.array([row[1] for row in self._rows], np.int64),
            [row[2].label for row in self._rows],
            np.array([row[3] for row in self._rows]).reshape(-1, 6),
            np.array([row[4] for row in self._rows]).reshape(-1, 6, 6),
        )
