#!/usr/bin/env python3
"""Checks crypto/transcripts.json and crypto/worked-examples.json with jwcrypto.

    pip install jwcrypto
    python3 test-vectors/tools/check_transcripts.py [FILE]

Nothing of the Rust code is used: keys are agreed on with `cryptography`, messages decrypted and
signatures verified by jwcrypto, the derivation written out below.
"""

import hashlib
import json
import sys
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwcrypto import jwe, jwk, jws

CRYPTO = Path(__file__).resolve().parent.parent / "crypto"


class WrongError(Exception):
    """What does not fit."""


def need(fits: bool, what: str) -> None:
    """Raises WrongError unless it fits."""
    if not fits:
        raise WrongError(what)


def decoded(text: str) -> bytes:
    """Base64url without padding."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(data: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def concat_kdf(z: bytes, algorithm_id: bytes, party_u: bytes, party_v: bytes, bits: int) -> bytes:
    """One round of the Concat KDF with SHA-256."""
    digest = hashlib.sha256((1).to_bytes(4, "big") + z)
    for part in (algorithm_id, party_u, party_v):
        digest.update(len(part).to_bytes(4, "big") + part)
    digest.update(bits.to_bytes(4, "big"))
    return digest.digest()[: bits // 8]


def public(key: dict[str, str]) -> ec.EllipticCurvePublicKey:
    """The public half of a JWK."""
    x, y = (int.from_bytes(decoded(key[name]), "big") for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def shared_secret(d: str, other: dict[str, str]) -> bytes:
    """The x coordinate of the shared point."""
    own = ec.derive_private_key(int.from_bytes(decoded(d), "big"), ec.SECP256R1())
    return own.exchange(ec.ECDH(), public(other))


def verified(compact: str, root: x509.Certificate, at: datetime | None = None) -> bytes:
    """The payload of a JWS whose chain leads to the root."""
    header = json.loads(decoded(compact.split(".")[0]))
    chain = [x509.load_der_x509_certificate(b64decode(entry)) for entry in header["x5c"]]
    need(root not in chain, "the root is in x5c")
    now = at or datetime.now(timezone.utc)
    for below, above in zip(chain, [*chain[1:], root], strict=True):
        below.verify_directly_issued_by(above)
        good = below.not_valid_before_utc <= now <= below.not_valid_after_utc
        need(good, "a certificate is not valid then")
    key = chain[0].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    token = jws.JWS()
    token.allowed_algs = ["ES256", "PS256"]
    token.deserialize(compact, key=jwk.JWK.from_pem(key))
    return bytes(token.payload)


def key_part(content_key: bytes, enc: str, leg: str) -> bytes:
    """All of the key, or under A128GCM the half of this way."""
    if enc == "A128CBC-HS256":
        return content_key
    return content_key[:16] if leg == "SDK-ACS" else content_key[16:]


def check_message(transcript: dict[str, Any], content_key: bytes, message: dict[str, Any]) -> None:
    """One encrypted message."""
    enc, leg = transcript["enc"], message["leg"]
    key = jwk.JWK(kty="oct", k=encoded(key_part(content_key, enc, leg)))
    token = jwe.JWE(algs=["dir", "A128GCM", "A128CBC-HS256"])
    token.deserialize(message["jwe"], key=key)
    need(token.payload == message["plain"].encode(), "the text differs")
    plain = json.loads(token.payload)
    header = json.loads(decoded(message["jwe"].split(".")[0]))
    need(header == {"alg": "dir", "enc": enc, "kid": plain["acsTransID"]}, "header")
    counter = "sdkCounterStoA" if leg == "SDK-ACS" else "acsCounterAtoS"
    need(plain[counter] == f"{message['counter']:03}", counter)
    if enc == "A128GCM":
        filler = b"\x00" if leg == "SDK-ACS" else b"\xff"
        iv = filler * 11 + bytes([message["counter"]])
        need(decoded(message["jwe"].split(".")[2]) == iv, "the IV is not made of the counter")


def check_transcript(transcript: dict[str, Any]) -> None:
    """One challenge, from the keys on."""
    root = x509.load_der_x509_certificate(b64decode(transcript["root"]))
    content = json.loads(verified(transcript["acsSignedContent"], root))
    need(set(content) == {"acsURL", "acsEphemPubKey", "sdkEphemPubKey"}, "members")
    sdk, acs = transcript["sdkKey"], transcript["acsKey"]
    for own, signed in ((sdk, content["sdkEphemPubKey"]), (acs, content["acsEphemPubKey"])):
        need(signed == {name: own[name] for name in ("kty", "crv", "x", "y")}, "signed key")
    reference = transcript["sdkReferenceNumber"].encode()
    for d, other in ((sdk["d"], acs), (acs["d"], sdk)):
        content_key = concat_kdf(shared_secret(d, other), b"", b"", reference, 256)
        need(encoded(content_key) == transcript["contentKey"], "content key")
    for message in transcript["messages"]:
        check_message(transcript, content_key, message)


def check_worked_examples(examples: dict[str, Any]) -> None:
    """The published examples, with a clock inside the validity of their certificates."""
    ecdh, kdf = examples["ecdh"], examples["kdf"]
    z = shared_secret(ecdh["private"]["d"], ecdh["public"])
    need(z.hex() == ecdh["Z_hex"], "shared secret")
    z = shared_secret(kdf["recipient_d"], kdf["epk"])
    cek = concat_kdf(z, b"A128CBC-HS256", b"", b"", 256)
    need(encoded(cek) == kdf["cek_b64u"], "derived key")
    at = datetime(2020, 9, 13, tzinfo=timezone.utc)
    for example in examples["jws"]:
        root = x509.load_der_x509_certificate(b64decode(example["roots"][0]))
        try:
            verified(example["jws"], root, at)
            good = True
        except (jws.InvalidJWSSignature, jws.InvalidJWSObject):
            good = False
        need(good == example["expect_valid"], example["test"])


def main() -> int:
    """0 when everything fits."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else CRYPTO / "transcripts.json"
    transcripts = json.loads(path.read_text(encoding="utf-8"))["transcripts"]
    examples = json.loads((CRYPTO / "worked-examples.json").read_text(encoding="utf-8"))
    wrong = 0
    jobs = [(item["name"], check_transcript, item) for item in transcripts]
    for name, check, item in [*jobs, ("worked examples", check_worked_examples, examples)]:
        try:
            check(item)
            print(f"ok     {name}")
        except Exception as error:  # noqa: BLE001 - whatever a library says, it does not fit
            wrong += 1
            print(f"WRONG  {name}: {type(error).__name__} {error}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
