"""[[output]] tables: read strictly, all faults at once, and never a secret."""

from types import SimpleNamespace

import pytest
from tests.scenarios.node.harness import feed, radar, site_text, table

from lowsky.cli.main import main
from lowsky.engine.config import parse_site
from lowsky.engine.outputs import missing_faults, open_senders
from lowsky.errors import ConfigError

ZONE = table("[[zone]]", id="tower", shape="circle", latitude_deg=37.45, longitude_deg=126.6, radius_m=500.0)
HOOK = {"id": "desk", "kind": "webhook", "url": "https://example.org/hook"}
MAIL = {"id": "chief", "kind": "mail", "host": "mail", "sender": "a@b.c", "recipients": ["d@e.f"]}


def site(*outputs):
    tables = (table("[[output]]", **output) for output in outputs)
    return site_text(radar("radar-1"), feed("radar-1", 9), ZONE, *tables)


def faults(text):
    with pytest.raises(ConfigError) as caught:
        parse_site(text)
    return caught.value.faults


def test_an_output_of_zones_of_the_api_is_told_of_each_of_them_and_of_no_other():
    every, one = parse_site(site(HOOK | {"zones": "api"}, MAIL | {"zones": ["tower", "api/fair"]})).outputs
    about = [SimpleNamespace(priority="high", zones=zones) for zones in (("api/fair",), ("api/fete",), ("tower",), ())]
    assert [every.wants(told) for told in about] == [True, True, False, False]
    assert [one.wants(told) for told in about] == [True, False, True, False]


def test_an_output_says_of_what_it_tells_and_how():
    more = {"priorities": ["high"], "zones": "tower", "deliver": "latest", "operator_positions": True}
    found = parse_site(site(HOOK | more, MAIL))
    hook, mail = found.outputs
    assert (hook.priorities, hook.zones, hook.deliver, hook.operator_positions) == (
        ("high",),
        ("tower",),
        "latest",
        True,
    )
    assert mail.options["recipients"] == ["d@e.f"] and not found.exercise
    assert [output.id for output, _ in open_senders(found)] == ["desk", "chief"]


def test_every_fault_is_told_at_once_with_its_line():
    wrong = {"url": "ftp://x", "timeout_s": 1e9, "colour": 1}
    text = site(
        HOOK | wrong, {"id": "a", "kind": "pigeon"}, HOOK | {"zones": ["x"]},
        MAIL | {"recipients": [], "priorities": "urgent"},
    )  # fmt: skip
    said = {(int(fault.where.split(":")[1]), fault.where.rpartition(".")[2]) for fault in faults(text)}
    places = {(n, line.partition(" ")[0]) for n, line in enumerate(text.splitlines(), 1)}
    assert {name for _, name in said} == {*wrong, "kind", "zones", "recipients", "priorities", "id"}
    assert said <= places


@pytest.mark.parametrize(
    ("options", "secret"),
    [
        ({"secret": "hunter2"}, "hunter2"), ({"url": "https://me:hunter2@example.org/"}, "hunter2"),
        ({"secret_file": 12345678}, "12345678"),
    ],
)  # fmt: skip
def test_a_secret_in_the_site_file_is_refused_and_not_shown(options, secret):
    (fault,) = faults(site(HOOK | options))
    assert secret not in str(fault)
    assert "secret" in str(fault) or "password" in str(fault)


def test_what_a_machine_lacks_is_told_when_a_node_starts_and_not_when_a_recording_is_read(tmp_path, monkeypatch):
    monkeypatch.delenv("LOWSKY_NO_SUCH", raising=False)
    text = site(HOOK | {"secret_env": "LOWSKY_NO_SUCH", "ca_file": str(tmp_path / "none.pem")}, MAIL)
    found = parse_site(text)
    said = [str(fault) for fault in missing_faults(found, text, "site.toml")]
    assert len(said) == 2 and "secret_env" in said[0] and "No such file" in said[1]
    monkeypatch.setenv("LOWSKY_NO_SUCH", "x")
    (tmp_path / "none.pem").write_text("no certificate")
    assert missing_faults(found, text, "site.toml") == []
    with pytest.raises(ConfigError, match="output desk"):
        open_senders(found)


def test_check_says_what_each_output_will_do(tmp_path, capsys):
    path = tmp_path / "site.toml"
    path.write_text(
        site(HOOK | {"priorities": ["high"], "zones": ["tower"]}, MAIL).replace("[site]", "[site]\nexercise = true")
    )
    with pytest.raises(SystemExit) as ended:
        main(["check", str(path)])
    said = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    for words in ("high alerts about tower", "https://example.org", "not signed", "mails d@e.f", "exercise"):
        assert words in said


def test_a_node_with_outputs_and_no_folder_for_them_is_refused(tmp_path, capsys):
    path = tmp_path / "site.toml"
    path.write_text(site(HOOK))
    with pytest.raises(SystemExit) as ended:
        main(["run", str(path), "--port", "0"])
    assert ended.value.code == 2 and "--outbox" in capsys.readouterr().err
