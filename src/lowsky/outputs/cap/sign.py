"""An enveloped XML-DSig signature with ECDSA over P-256, and the bytes that are sent.

The key lies in a PEM file of the site's, which nothing else of lowsky reads. With a certificate the signature carries
it (a chain: the key's own first), else the bare public key.
"""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree
from signxml import CanonicalizationMethod, SignatureMethod, XMLSigner, methods

from lowsky.outputs.sender import Wrong


class Signer:
    def __init__(self, key: ec.EllipticCurvePrivateKey, chain: list[x509.Certificate]) -> None:
        self._key, self._chain = key, chain
        self._signer = XMLSigner(
            method=methods.enveloped,
            signature_algorithm=SignatureMethod.ECDSA_SHA256,
            digest_algorithm="sha256",
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )

    def signed(self, alert: etree._Element) -> etree._Element:
        return self._signer.sign(alert, key=self._key, cert=self._chain or None)


def signer_of(key_pem: bytes, certificate_pem: bytes | None) -> tuple[Signer | None, list[Wrong]]:
    """None and what is wrong with the files; never what they hold."""
    wanted = "an unencrypted PEM private key on P-256 (openssl ecparam -name prime256v1 -genkey -noout)"
    try:
        key = load_pem_private_key(key_pem, None)
    except (ValueError, TypeError):  # no key; a password is wanted
        return None, [("signing_key_file", "no such key", wanted)]
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        return None, [("signing_key_file", "a key of another kind", wanted)]
    if certificate_pem is None:
        return Signer(key, []), []
    try:
        chain = x509.load_pem_x509_certificates(certificate_pem)
    except ValueError:
        return None, [("signing_certificate_file", "no certificate", "PEM certificates, that of the key first")]
    if chain[0].public_key() != key.public_key():
        return None, [("signing_certificate_file", "a certificate of another key", "that of signing_key_file first")]
    return Signer(key, chain), []


def written(alert: etree._Element, signer: Signer | None) -> bytes:
    """The message as it is stored and sent. Not indented: white space is signed, too, and some readers (capvalidator)
    take it out before they verify."""
    ready = alert if signer is None else signer.signed(alert)
    return etree.tostring(ready, xml_declaration=True, encoding="UTF-8")
