"""Signatures that placeholders can make: Ed25519 (RFC 8032), AWS Signature Version 4, the fingerprint of a key (leaf)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import Any
from urllib.parse import parse_qsl, quote

import jwt
from jwt.algorithms import RSAAlgorithm

_RSA_IDENTIFIER = bytes.fromhex("300d06092a864886f70d0101010500")  # AlgorithmIdentifier of rsaEncryption, RFC 8017 A.1


def ed25519(key: str, *parts: str) -> str:
    """The signature of the joined parts in Base64. Raises `ValueError` for a key that is no Ed25519 key in PEM form."""
    algorithm = jwt.get_algorithm_by_name("EdDSA")
    return base64.b64encode(algorithm.sign("".join(parts).encode(), _prepared(algorithm, key, "an Ed25519 private key"))).decode()


def rsa_fingerprint(key: str) -> str:
    """`SHA256:` and the digest of the public key (SubjectPublicKeyInfo in DER, RFC 5280) of an RSA private key."""
    algorithm = RSAAlgorithm(RSAAlgorithm.SHA256)
    numbers = json.loads(RSAAlgorithm.to_jwk(_prepared(algorithm, key, "an RSA private key")))
    public = _sequence(_integer(numbers["n"]) + _integer(numbers["e"]))
    document = _sequence(_RSA_IDENTIFIER + b"\x03" + _length(len(public) + 1) + b"\x00" + public)
    return "SHA256:" + base64.b64encode(hashlib.sha256(document).digest()).decode()


def aws_v4(
    access_key: str, secret: str, region: str, service: str, host: str, method: str, path: str, query: str, body: str, date: str
) -> str:
    """The Authorization header of AWS Signature Version 4 over host and x-amz-date; `date` as in that header, 20260131T120000Z."""
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parse_qsl(query, keep_blank_values=True))
    canonical = "\n".join(
        [
            method,
            quote(path or "/", safe="/%-_.~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            f"host:{host}\nx-amz-date:{date}\n",
            "host;x-amz-date",
            hashlib.sha256(body.encode()).hexdigest(),
        ]
    )
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in (date[:8], region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}"


def unfolded(key: str) -> str:
    """A PEM key with its line ends: one that was pasted into one line has them as \\n, or as blanks."""
    text = key.strip().replace("\\n", "\n")
    found = re.fullmatch(r"(-----BEGIN [A-Z0-9 ]+-----) *([A-Za-z0-9+/= ]+?) *(-----END [A-Z0-9 ]+-----)", text)
    return f"{found[1]}\n{found[2].replace(' ', chr(10))}\n{found[3]}\n" if found else text


def _prepared(algorithm: Any, key: str, wanted: str) -> Any:
    try:
        return algorithm.prepare_key(unfolded(key))
    except (jwt.PyJWTError, ValueError, TypeError):
        raise ValueError(f"The key is not {wanted} in PEM form. Copy it whole, from -----BEGIN to -----END.") from None


def _length(size: int) -> bytes:
    """A length of DER, ITU-T X.690 8.1.3."""
    if size < 128:
        return bytes([size])
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def _sequence(content: bytes) -> bytes:
    return b"\x30" + _length(len(content)) + content


def _integer(encoded: str) -> bytes:
    octets = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    octets = b"\x00" + octets if octets[0] & 0x80 else octets
    return b"\x02" + _length(len(octets)) + octets
