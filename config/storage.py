"""Where results are kept, as Django's STORAGES wants it (leaf of the settings)."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


def results_storage(text: str, *, endpoint: str = "", region: str = "", fsync: bool = False) -> dict[str, Any]:
    """The storage of `file:///folder` or `s3://bucket/prefix`. Raises ValueError with a sentence.

    `fsync` is for a folder: whether each piece has to be on the disk before its row. `endpoint` is the address of an S3-compatible service, "" for Amazon's. Credentials are found by boto3 itself: in AWS_ACCESS_KEY_ID
    and AWS_SECRET_ACCESS_KEY, in its configuration files, or from the machine's role.
    """
    parts = urlsplit(text)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return {"BACKEND": "actions.pieces.LocalResults", "OPTIONS": {"location": Path(unquote(parts.path)), "fsync": fsync}}
    if parts.scheme == "s3" and parts.netloc and not parts.query:
        return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": _s3(parts.netloc, parts.path.strip("/"), endpoint, region)}
    raise ValueError(f"{text!r} is no place for results. Write it as file:///folder or as s3://bucket/prefix.")


def _s3(bucket: str, prefix: str, endpoint: str, region: str) -> dict[str, Any]:
    from boto3.s3.transfer import TransferConfig  # noqa: PLC0415 - a quarter of a second that only those pay who use it
    from botocore.config import Config  # noqa: PLC0415

    # A run's lease is renewed while a piece is on its way, but nobody should wait for a dead service for minutes. Services other than
    # Amazon's often have no host name for each bucket.
    client = Config(
        connect_timeout=10,
        read_timeout=30,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=16,
        s3={"addressing_style": "path" if endpoint else "auto"},
        signature_version="s3v4",
    )
    return {
        "bucket_name": bucket,
        "location": prefix,
        "endpoint_url": endpoint or None,
        "region_name": region or None,
        "client_config": client,
        "transfer_config": TransferConfig(use_threads=False),  # pieces are small, and several are sent at once anyway
        "file_overwrite": True,  # names are unique by themselves; asking for each would double the requests
        "querystring_auth": True,
    }
