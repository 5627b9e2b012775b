"""CAP as an output of the site file: its keys, its files, its POSTs, and a chain that a restart does not break."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec
import pytest
from tests.capped import OUTPUT, RAISED, SITE, assert_valid, later, new_key, texts

from lowsky.engine.config import parse_site
from lowsky.errors import ConfigError
from lowsky.outputs.cap.kind import KIND
from lowsky.outputs.courier import Courier
from lowsky.outputs.options import missing, read_options
from lowsky.outputs.outbox import Outbox
from lowsky.outputs.sender import Undelivered
from lowsky.outputs.store import NAME

SENDER = "lowsky@harbour.example"


def opened(**options):
    config, wrong = read_options(KIND.config, {"sender": SENDER, **options})
    assert (wrong, KIND.faults(config)) == ([], [])
    return KIND.opens(config, OUTPUT, SITE)


def wrong(**options):
    config, wrong = read_options(KIND.config, {"sender": SENDER, "folder": "out", **options})
    return {key for key, _, _ in (wrong or KIND.faults(config))}


def test_a_message_is_a_whole_signed_file_named_by_its_identifier(tmp_path):
    key = tmp_path / "key.pem"
    key.write_bytes(new_key()[0])
    folder = tmp_path / "cap" / "out"
    sender = opened(folder=str(folder), signing_key_file=str(key))
    for told in (RAISED, later("acknowledged", 8), later("raised-higher", 9)):
        sender.send(told)
    assert sorted(path.name for path in folder.iterdir()) == ["lowsky-k3v9k3v9-7.xml", "lowsky-k3v9k3v9-9.xml"]
    for path in folder.iterdir():
        assert_valid(path.read_bytes())
        assert b"SignatureValue" in path.read_bytes()


def test_a_repeat_replaces_its_file(tmp_path):
    sender = opened(folder=str(tmp_path))
    sender.send(RAISED)
    sender.send(msgspec.structs.replace(RAISED, is_repeat=True))
    (path,) = tmp_path.iterdir()
    assert texts(path.read_bytes(), "c:code") == ["lowsky:repeat"]


def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Undelivered) as failure:
        opened(folder=str(tmp_path / "file")).send(RAISED)
    assert not failure.value.may_have_arrived


class Receiver(BaseHTTPRequestHandler):
    heard: list

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        type(self).heard.append((self.path, dict(self.headers), body))
        self.send_response(202)
        self.end_headers()

    def log_message(self, *args):
        return


@contextlib.contextmanager
def receiver():
    Own = type("Own", (Receiver,), {"heard": []})
    with HTTPServer(("127.0.0.1", 0), Own) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/alerts", Own.heard
        server.shutdown()


def test_a_message_is_posted_as_cap_with_the_token(tmp_path):
    (tmp_path / "token").write_text("abc\n")
    with receiver() as (url, heard):
        opened(url=url, token_file=str(tmp_path / "token")).send(RAISED)
    ((path, headers, body),) = heard
    assert (path, headers["content-type"], headers["authorization"]) == ("/alerts", "application/cap+xml", "Bearer abc")
    assert_valid(body)


def test_a_chain_goes_on_after_a_restart_and_what_may_have_been_sent_says_so(tmp_path):
    """One run tells the alert and is killed while it tells the next; the other tells that again, and the end."""

    class Killed(Exception):
        pass

    def run(told, sends):
        outbox = Outbox(tmp_path / NAME, (OUTPUT.id,))
        courier = Courier(OUTPUT, outbox, sends)
        outbox.put([msgspec.structs.replace(one, series=outbox.series) for one in told])
        outbox.flush()
        courier.start()
        deadline = threading.Event()
        for _ in range(500):
            if courier.status().waiting == 0 or getattr(sends, "is_stuck", False):
                break
            deadline.wait(0.01)
        courier.stop()
        courier.join(5.0)
        outbox.close()

    folder, real = tmp_path / "out", None

    class Stuck:
        is_stuck = False

        def send(self, told):
            if told.number == 2:
                self.is_stuck = True
                raise Undelivered("the plug is pulled")
            real.send(told)

        def close(self):
            return

    real = opened(folder=str(folder))
    numbered = [msgspec.structs.replace(RAISED, number=1)]
    second = later("raised-higher", 9)
    numbered.append(
        msgspec.structs.replace(second, number=2, references=(msgspec.structs.replace(second.references[0], number=1),))
    )
    run(numbered, Stuck())
    assert len(list(folder.iterdir())) == 1
    third = later("cleared", 12, (9, "raised-higher"))
    references = tuple(msgspec.structs.replace(r, number=n) for n, r in enumerate(third.references, 1))
    run([msgspec.structs.replace(third, number=3, references=references)], opened(folder=str(folder)))
    bodies = [path.read_bytes() for path in sorted(folder.iterdir())]
    assert [texts(body, "c:msgType")[0] for body in bodies] == ["Alert", "Update", "Cancel"]
    assert [texts(body, "c:code") for body in bodies] == [[], ["lowsky:repeat"], []]
    own = [",".join(texts(body, name)[0] for name in ("c:sender", "c:identifier", "c:sent")) for body in bodies]
    assert texts(bodies[2], "c:references") == [" ".join(own[:2])]


def test_wrong_keys_are_found_when_the_site_file_is_read():
    assert wrong() == set()
    assert wrong(sender="two words") == wrong(sender="a,b") == wrong(sender="<a>") == {"sender"}
    assert wrong(scope="Private") == {"addresses"}
    assert wrong(scope="private") == {"scope"}
    assert wrong(url="ftp://x") == {"url"}
    assert wrong(signing_certificate_file="x.pem") == {"signing_certificate_file"}
    assert wrong(languages=[]) == {"languages"}
    assert wrong(expires_s=1.0) == {"expires_s"}
    assert wrong(categories=["Drones"]) == {"categories"}
    assert wrong(key="x") == {"key"}
    assert {key for key, _, _ in KIND.faults(KIND.config(sender="a@b"))} == {None}


def test_files_are_looked_for_and_read_when_the_node_starts(tmp_path):
    config, _ = read_options(
        KIND.config,
        {"sender": SENDER, "folder": "x", "signing_key_file": str(tmp_path / "key.pem"), "languages": ["xx"]},
    )
    assert [key for key, _, _ in missing(config)] == ["signing_key_file"]
    (tmp_path / "key.pem").write_text("no key")
    with pytest.raises(ConfigError) as error:
        KIND.opens(config, OUTPUT, SITE)
    assert [fault.where for fault in error.value.faults] == ["output cap: languages", "output cap: signing_key_file"]


def test_the_sites_own_texts_are_laid_over_ours(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(
        '[en.class]\nmultirotor = "Quadcopter"\n[de-AT]\nheadline = { open = "Achtung: {what}" }\n', encoding="utf-8"
    )
    sender = opened(folder=str(tmp_path / "out"), messages_file=str(own), languages=["en", "de-AT"])
    sender.send(RAISED)
    (path,) = (tmp_path / "out").iterdir()
    assert texts(path.read_bytes(), "c:info/c:headline") == ["Quadcopter towards tower", "Achtung: Multirotor drone"]
    assert texts(path.read_bytes(), "c:info/c:language") == ["en", "de-AT"]


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("[en", "TOML"), ('[en]\nheadlines = "x"', "en.headlines"), ('[en.line]\nobject = "{latitude}"', "{latitude}"),
        ("[en]\ndirections = []", "en.directions"), ("[en]\nexercise = 3", "en.exercise"),
        ('[en]\nline = "x"', "en.line"),
        ('["not a language"]\nx = 1', "not a language"), ('["de DE".line]\nover = "x"', "de DE"), ("en = 3", "en"),
    ],
)  # fmt: skip
def test_each_fault_in_the_sites_own_texts_is_named(tmp_path, text, about):
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        opened(folder="x", messages_file=str(tmp_path / "own.toml"))
    assert about in str(error.value) and "messages_file" in str(error.value)


def test_a_site_file_with_a_cap_output_is_read_and_says_what_it_will_do():
    site = parse_site(
        '[site]\nname = "Harbour"\nlatitude_deg = 52.0\nlongitude_deg = 13.0\nheight_m = 40.0\n'
        '[[output]]\nid = "public"\nkind = "cap"\npriorities = ["high"]\n'
        'sender = "lowsky@harbour.example"\nfolder = "cap"\nlanguages = ["de", "en"]\n'
    )
    config, _ = read_options(KIND.config, site.outputs[0].options)
    assert "not signed" in KIND.says(config) and "files in cap" in KIND.says(config)
