"""A document's `webhook` becomes what a definition says of webhooks, and back."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import ValidationError
from pydantic.alias_generators import to_camel, to_snake

from integrations import formulas
from integrations.definition import HmacVerification, JwtVerification, Webhook
from integrations.definition.webhook import BasicVerification, TokenVerification
from integrations.truto.found import Read

_PLACE: Final = "webhook"
_IN_HEADER: Final = re.compile(r"(?:\{\{\s*)?(?:request\.)?headers?(?:\.|\[['\"])([A-Za-z0-9-]+)(?:['\"]\])?(?:\s*\}\})?")
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_OWN: Final = ("header", "prefix", "separator", "key", "joined_by", "timestamp", "tolerance", "secret_encoding", "secret_prefix")
_KNOWN: Final = frozenset({"signature_verification", "handle_verification", "payload_transform", "event_id", "event_type", "handshakes"})


def webhook_of(value: Any, found: Read) -> dict[str, Any] | None:
    """What webhooks are like, as JSON of a definition; None where the document says nothing of them."""
    if not isinstance(value, dict) or not value:
        return None
    webhook: dict[str, Any] = {"verification": _verification(value.get("signature_verification"), found)}
    for name, ours in (("handle_verification", "handle"), ("payload_transform", "transform")):
        if text := _expression(value.get(name), f"{_PLACE}.{name}", found):
            webhook[ours] = text
    webhook |= {to_camel(name): value[name] for name in ("event_id", "event_type", "handshakes") if value.get(name)}
    for name in value:
        if name.startswith("context_lookup"):
            found.leave(f"{_PLACE}.{name}", "Each connection has an address of its own, so that nothing has to be looked up.")
        elif name not in _KNOWN:
            found.leave(f"{_PLACE}.{name}", "This member is not known here.")
    try:
        return Webhook.model_validate(webhook).dump()
    except ValidationError as error:
        found.leave(_PLACE, f"It cannot be used: {error.errors(include_url=False)[0]['msg'].removeprefix('Value error, ')}")
        return None


def _verification(value: Any, found: Read) -> dict[str, Any]:
    place = f"{_PLACE}.signature_verification"
    if not isinstance(value, dict) or not value:
        return {"type": "none"}
    kind = str(value.get("format") or "").strip().lower()
    config: dict[str, Any] = value["config"] if isinstance(value.get("config"), dict) else {}
    if kind.startswith("hmac"):
        return _hmac(kind, config, place, found)
    if kind == "basic":
        return {"type": "basic"}
    if kind == "jwt":
        algorithm = str(config.get("algorithm") or "HS256").upper()
        return {"type": "jwt", "algorithms": [algorithm], **{to_camel(name): config[name] for name in ("header", "jwks_uri", "issuer", "audience", "body_claim") if config.get(name)}}  # fmt: skip
    if kind == "token":
        return {"type": "token", "source": str(config.get("source") or "header:X-Webhook-Token")}
    found.leave(place, f"Signatures of the form {kind or 'that is not named'} cannot be checked; only the address is secret.")
    return {"type": "none"}


def _hmac(kind: str, config: dict[str, Any], place: str, found: Read) -> dict[str, Any]:
    algorithm = str(config.get("algorithm") or kind.partition("-")[2] or "sha256").lower().replace("-", "")
    if algorithm not in ("sha1", "sha256", "sha512"):
        found.leave(f"{place}.config.algorithm", f"{algorithm} is not known here; sha256 is used.")
        algorithm = "sha256"
    rules: dict[str, Any] = {"type": "hmac", "algorithm": algorithm, "encoding": str(config.get("string_type") or "hex").lower()}
    rules |= {to_camel(name): config[name] for name in _OWN if config.get(name) not in (None, "")}
    compared = _IN_HEADER.fullmatch(str(config.get("compare_with") or "").strip())
    if compared:
        rules.setdefault("header", compared[1])
    if not rules.get("header"):
        found.leave(
            f"{place}.config",
            "It does not say in which header the signature stands. Say it in the step Webhooks, or choose a vendor at the connection.",
        )
    # The plain word header says that the signature is in one; what is signed is the rest.
    parts = [part for part in config.get("parts") or [] if isinstance(part, str) and part != "header"]
    return rules | {"parts": parts if "body" in parts else [*parts, "body"]}


def _expression(value: Any, place: str, found: Read) -> str:
    if value in (None, ""):
        return ""
    text = str(value).strip()
    if _NAME.fullmatch(text):
        found.leave(place, "It is a name and no JSONata expression, so that nothing is known of what it does.")
        return ""
    try:
        formulas.check(text)
    except ValueError as error:
        found.leave(place, str(error))
        return ""
    return text


def webhook_written(webhook: Webhook | None) -> dict[str, Any] | None:
    """The member `webhook` of a document, without secrets; None where there is nothing to say."""
    if webhook is None:
        return None
    found: dict[str, Any] = {}
    verification = webhook.verification
    match verification:
        case HmacVerification():
            dumped = {to_snake(name): value for name, value in verification.dump().items()}
            usual = HmacVerification().model_dump()
            config = {name: dumped[name] for name in _OWN if dumped[name] != usual[name]}
            config |= {"algorithm": verification.algorithm, "string_type": verification.encoding, "parts": list(verification.parts)}
            found["signature_verification"] = {"format": f"HMAC-{verification.algorithm.upper()}", "config": config}
        case TokenVerification():
            found["signature_verification"] = {"format": "token", "config": {"source": verification.source}}
        case BasicVerification():
            found["signature_verification"] = {"format": "basic", "config": {}}
        case JwtVerification():
            named = {name: getattr(verification, name) for name in ("header", "jwks_uri", "issuer", "audience", "body_claim")}
            config = {"algorithm": verification.algorithms[0], **{name: value for name, value in named.items() if value}}
            found["signature_verification"] = {"format": "jwt", "config": config}
    others = {
        "handle_verification": webhook.handle,
        "payload_transform": webhook.transform,
        "event_id": webhook.event_id,
        "event_type": webhook.event_type,
        "handshakes": [one.dump() for one in webhook.handshakes],
    }
    return found | {name: value for name, value in others.items() if value} or None
