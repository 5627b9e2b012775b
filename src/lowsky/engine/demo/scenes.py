"""The scenes of the demo: a site file each, beside the recordings it plays."""

from dataclasses import dataclass
from pathlib import Path

from lowsky.engine.config import parse_site
from lowsky.model.site import Site
from lowsky.model.status import Scene

HERE = Path(__file__).parent
RECORDINGS = HERE / "recordings"


@dataclass(frozen=True, slots=True)
class DemoScene:
    """A scene with its site, whose feeds play files of the package."""

    scene: Scene
    site_file: str

    def site(self) -> Site:
        source = (HERE / self.site_file).read_text(encoding="utf-8")
        return parse_site(source.replace("{recordings}", RECORDINGS.as_posix()), self.site_file)


SCENES = (
    DemoScene(
        Scene(
            name="harbour",
            title="Raid on a harbour",
            description="Two radars and a direction finder see birds, a balloon, aircraft, and then drones "
            "coming in from three sides. Simulated.",
            origin="simulated",
        ),
        "site-harbour.toml",
    ),
    DemoScene(
        Scene(
            name="helsinki",
            title="Airport, from the original bytes",
            description="Aircraft and airport vehicles near Helsinki as one receiver heard them in January 2026, "
            "played from its Beast bytes. Addresses are pseudonyms.",
            origin="recorded",
        ),
        "site-helsinki.toml",
    ),
    DemoScene(
        Scene(
            name="toulouse",
            title="One aircraft, every frame",
            description="Mode S frames of a flight around Toulouse on 6 June 2024. Addresses are pseudonyms.",
            origin="recorded",
        ),
        "site-toulouse.toml",
    ),
    DemoScene(
        Scene(
            name="swiss",
            title="A busy sky",
            description="Air traffic over Switzerland on 1 August 2018 through the measurement table, "
            "ten seconds between reports. Addresses are pseudonyms.",
            origin="recorded",
        ),
        "site-swiss.toml",
    ),
    DemoScene(
        Scene(
            name="remote-id",
            title="A drone that says where it is",
            description="A Remote ID transmission as broadcast over Wi-Fi, from its original frames. "
            "Serial number and operator are pseudonyms, the operator's position is moved.",
            origin="recorded",
        ),
        "site-remote-id.toml",
    ),
)
