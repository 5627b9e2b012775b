"""CAP messages as files in a folder, as POSTs, or both."""

import os
from pathlib import Path

from lowsky.errors import ConfigError, Fault
from lowsky.model.occurrence import Occurrence
from lowsky.model.output import Output
from lowsky.model.site import Site
from lowsky.outputs.cap.config import Config, faults
from lowsky.outputs.cap.message import Composer, identifier
from lowsky.outputs.cap.sign import Signer, signer_of, written
from lowsky.outputs.cap.texts import languages_of
from lowsky.outputs.http import Receiver, post, tls_context
from lowsky.outputs.options import secret
from lowsky.outputs.sender import Kind, Undelivered, Wrong

MEDIA_TYPE = "application/cap+xml"


class Cap:
    """Sends what makes a message; the rest is delivered by saying nothing."""

    def __init__(
        self,
        composer: Composer,
        signer: Signer | None,
        folder: Path | None,
        receiver: Receiver | None,
        token: str | None,
    ) -> None:
        self._composer, self._signer = composer, signer
        self._folder, self._receiver, self._token = folder, receiver, token

    def send(self, occurrence: Occurrence) -> None:
        alert = self._composer.message(occurrence)
        if alert is None:
            return
        body = written(alert, self._signer)
        if self._folder is not None:
            put(self._folder, f"{identifier(occurrence.series, occurrence.number)}.xml", body)
        if self._receiver is not None:
            headers = {"content-type": MEDIA_TYPE, "user-agent": "lowsky"}
            if self._token is not None:
                headers["authorization"] = f"Bearer {self._token}"
            post(self._receiver, body, headers)

    def close(self) -> None:
        return None


def put(folder: Path, name: str, body: bytes) -> None:
    """Whole and durable, or not there: who watches the folder never reads half a message."""
    part = folder / f".{name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / name)
        place = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)
    except OSError as error:
        raise Undelivered(f"{folder}: {error.strerror or error}", may_have_arrived=False) from None


def says(config: Config) -> str:
    where = [f"files in {config.folder}"] if config.folder is not None else []
    where += [f"POSTs to {Receiver(config.url, 0.0, None).shown}"] if config.url is not None else []
    signed = "signed" if config.signing_key_file is not None else "not signed"
    status = "Test" if config.test else "Actual (Exercise where nothing is real)"
    return f"CAP 1.2 from {config.sender}, {status}, {signed}, in {', '.join(config.languages)}: {' and '.join(where)}"


def opens(config: Config, output: Output, site: Site) -> Cap:
    """Reads the files that the options name. ``ConfigError`` with all that is wrong in them."""
    own = (
        None
        if config.messages_file is None
        else Path(config.messages_file).read_text(encoding="utf-8", errors="replace")
    )
    known, wrong = languages_of(own)
    wrong += [
        ("languages", repr(name)[:60], "one of " + ", ".join(known)) for name in config.languages if name not in known
    ]
    signer, faulty = _signer(config)
    wrong += faulty
    if wrong:
        raise ConfigError([_fault(output, *one) for one in wrong])
    receiver = None
    if config.url is not None:
        tls = (
            tls_context(config.ca_file, config.cert_file, config.key_file) if config.url.startswith("https:") else None
        )
        receiver = Receiver(config.url, config.timeout_s, tls)
    folder = None if config.folder is None else Path(config.folder)
    return Cap(Composer.of(config, output, site, known), signer, folder, receiver, secret(config, "token"))


def _signer(config: Config) -> tuple[Signer | None, list[Wrong]]:
    if config.signing_key_file is None:
        return None, []
    certificate = config.signing_certificate_file
    return signer_of(
        Path(config.signing_key_file).read_bytes(), None if certificate is None else Path(certificate).read_bytes()
    )


def _fault(output: Output, key: str | None, found: str, right: str) -> Fault:
    return Fault(f"output {output.id}" + (f": {key}" if key else ""), found, right)


KIND = Kind("CAP 1.2", Config, faults, says, opens)
