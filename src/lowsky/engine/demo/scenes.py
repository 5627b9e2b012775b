"""The scenes of the demo: a site file each, beside the recordings it plays."""

from dataclasses import dataclass
from pathlib import Path

from lowsky.engine.config import parse_site
from lowsky.model.site import Site
from lowsky.model.status import Scene
from lowsky.simulate import simulate

HERE = Path(__file__).parent
RECORDINGS = HERE / "recordings"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A scene whose site file, beside this one, plays recordings of the package."""

    scene: Scene
    site_file: str

    def site(self, folder: Path) -> Site:
        source = (HERE / self.site_file).read_text(encoding="utf-8")
        return parse_site(source.replace("{recordings}", RECORDINGS.as_posix()), self.site_file)


@dataclass(frozen=True, slots=True)
class Simulated:
    """A scene made by the simulator when it is first shown, then played through the table feed."""

    scene: Scene
    scenario: str
    seed: int
    watch_file: str = ""  # zones and rules

    def site(self, folder: Path) -> Site:
        made = simulate(self.scenario, seed=self.seed)
        measurements = folder / f"{self.scenario}-{self.seed}.parquet"
        made.measurements.write_parquet(measurements)
        first = made.measurements["sensor"][0]
        feed = f'\n[[feed]]\nsensor = "{first}"\nformat = "table"\n'
        text = f'{made.site_toml}{feed}source = "file:{measurements.as_posix()}?times=recorded"\n'
        watch = (HERE / self.watch_file).read_text(encoding="utf-8") if self.watch_file else ""
        return parse_site(text + watch, folder=HERE)


DemoScene = Recorded | Simulated

SCENES = (
    Simulated(
        Scene(
            name="harbour",
            title="Harbour raid",
            description="Two radars, a direction finder and receivers see birds, a balloon and aircraft, "
            "and then drones that come in from three sides. Simulated.",
            origin="simulated",
        ),
        "harbour-raid",
        seed=7,
        watch_file="watch-harbour.toml",
    ),
    Recorded(
        Scene(
            name="helsinki",
            title="Airport",
            description="Aircraft and airport vehicles near Helsinki as one receiver heard them in January 2026, "
            "played from its Beast bytes. Addresses are pseudonyms.",
            origin="recorded",
        ),
        "site-helsinki.toml",
    ),
    Recorded(
        Scene(
            name="toulouse",
            title="One flight",
            description="Mode S frames of a flight around Toulouse on 6 June 2024. Addresses are pseudonyms.",
            origin="recorded",
        ),
        "site-toulouse.toml",
    ),
    Recorded(
        Scene(
            name="swiss",
            title="Busy sky",
            description="Air traffic over Switzerland on 1 August 2018 through the measurement table, "
            "ten seconds between reports. Addresses are pseudonyms.",
            origin="recorded",
        ),
        "site-swiss.toml",
    ),
    Recorded(
        Scene(
            name="remote-id",
            title="Remote ID drone",
            description="A Remote ID transmission as broadcast over Wi-Fi, from its original frames. "
            "Serial number and operator are pseudonyms, the operator's position is moved.",
            origin="recorded",
        ),
        "site-remote-id.toml",
    ),
)
