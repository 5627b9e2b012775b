"""Signed messages, held against xmlsec1 and capvalidator, which share no code with what signs."""

import datetime
import re
import subprocess

import capvalidator
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests import needs
from tests.capped import RAISED, assert_valid, later, message, new_key

from lowsky.outputs.cap.sign import signer_of

PEM = serialization.Encoding.PEM


def certificate_of(key_pem):
    key = serialization.load_pem_private_key(key_pem, None)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lowsky@harbour.example")])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(PEM)


def verified(tmp_path, body, *how):
    """Does xmlsec1 verify it?"""
    path = tmp_path / "message.xml"
    path.write_bytes(body)
    found = subprocess.run([needs.program("xmlsec1"), "--verify", *how, path], capture_output=True, check=False)
    return found.returncode == 0


CHAIN = (RAISED, later("raised-higher", 9), later("cleared", 12, (9, "raised-higher")))


def test_xmlsec1_verifies_a_whole_chain_by_the_public_key_and_no_other(tmp_path):
    key, public = new_key()
    signer, _ = signer_of(key, None)
    (tmp_path / "own.pem").write_bytes(public)
    (tmp_path / "other.pem").write_bytes(new_key()[1])
    for told in CHAIN:
        body = message(told, signer, languages=("en", "ko", "uk"), identities=True)
        assert_valid(body)
        assert verified(tmp_path, body, "--pubkey-pem", tmp_path / "own.pem")
        assert not verified(tmp_path, body, "--pubkey-pem", tmp_path / "other.pem")


def test_xmlsec1_verifies_by_the_certificate_in_the_message_and_whom_it_trusts(tmp_path):
    key, _ = new_key()
    certificate = certificate_of(key)
    signer, wrong = signer_of(key, certificate)
    assert wrong == []
    (tmp_path / "trusted.pem").write_bytes(certificate)
    (tmp_path / "stranger.pem").write_bytes(certificate_of(new_key()[0]))
    body = message(RAISED, signer)
    assert verified(tmp_path, body, "--trusted-pem", tmp_path / "trusted.pem")
    assert not verified(tmp_path, body, "--trusted-pem", tmp_path / "stranger.pem")


def test_one_changed_character_is_found_by_either_reader(tmp_path):
    key, public = new_key()
    (tmp_path / "own.pem").write_bytes(public)
    body = message(RAISED, signer_of(key, certificate_of(key))[0])
    for was, now in ((b"Immediate", b"Expected"), (b"52.005000", b"52.105000"), (b">Alert<", b">Cancel<")):
        assert body.count(was) >= 1
        changed = body.replace(was, now, 1)
        assert_valid(changed)
        assert not verified(tmp_path, changed, "--pubkey-pem", tmp_path / "own.pem")
    without = re.sub(rb"<ds:Signature.*</ds:Signature>", b"", body, flags=re.DOTALL)
    assert_valid(without)
    assert not verified(tmp_path, without, "--pubkey-pem", tmp_path / "own.pem")


def test_capvalidator_takes_schema_and_signature():
    key, _ = new_key()
    body = message(RAISED, signer_of(key, certificate_of(key))[0], languages=("en", "fr"))
    told = capvalidator.validate_cap_message(body)
    assert told.passed, told.message


def test_a_file_that_is_no_key_of_the_right_kind_is_said_without_its_contents():
    key, _ = new_key()
    other, _ = new_key(ec.SECP384R1)
    own = certificate_of(key)
    locked = serialization.load_pem_private_key(key, None).private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    for key_pem, certificate, about in (
        (b"", None, "key"), (b"\x00" * 99, None, "key"), (own, None, "key"), (other, None, "key"),
        (locked, None, "key"),
        (key, b"", "certificate"), (key, key, "certificate"), (key, certificate_of(new_key()[0]), "certificate"),
    ):  # fmt: skip
        signer, wrong = signer_of(key_pem, certificate)
        assert signer is None and [fault[0] for fault in wrong] == [f"signing_{about}_file"]
        assert "BEGIN" not in str(wrong)


@pytest.mark.parametrize("told", CHAIN)
def test_the_signature_is_ecdsa_over_p256_with_sha256_and_enveloped(told):
    body = message(told, signer_of(new_key()[0], None)[0])
    for said in (b"xmldsig-more#ecdsa-sha256", b"xmlenc#sha256", b"#enveloped-signature", b"1.2.840.10045.3.1.7"):
        assert said in body
    assert body.index(b"</info><ds:Signature") > 0
