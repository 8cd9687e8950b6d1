"""A zip archive with a document of several files: which one is the root, and what the others hold.

Nothing is unpacked to a disk: members are read into memory by name, so that a name such as ../../x leads nowhere.
"""

from __future__ import annotations

import io
import posixpath
import struct
import zipfile
import zlib
from urllib.parse import unquote

from integrations.openapi.document import describes_api
from integrations.openapi.files import Unavailable
from integrations.openapi.findings import Report, listed
from integrations.openapi.limits import DocumentError, Limits

_START = (b"PK\x03\x04", b"PK\x05\x06")  # of an archive with and without members
_ENTRY = b"PK\x01\x02"  # starts each entry of the list of members
_DOCUMENTS = (".json", ".yaml", ".yml")
_USUAL = ("openapi", "swagger", "index", "root", "api", "main")
_ENCRYPTED = 0x1
# Python's readers of the other methods unpack without a bound.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError, IndexError, OverflowError)
_AGAIN = "Pack it again as a plain zip, or unpack it and choose the OpenAPI file."


def is_archive(data: bytes) -> bool:
    return data.startswith(_START)


class Archive:
    """The members of an archive. Raises DocumentError where it is damaged or exceeds the limits of files and of bytes (unpacked)."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        if data.count(_ENTRY) > limits.max_files:  # before the list is read, which takes memory for each entry
            raise DocumentError(f"The zip archive holds more than {limits.max_files:,} files. Pack only the files of the OpenAPI document.")
        if len(data) > limits.max_bytes:
            raise DocumentError(_too_large(limits))
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            self._members = {name: member for member in self._zip.infolist() if (name := _name(member))}
        except _DAMAGED:
            raise DocumentError(f"The zip archive is damaged. Download it again. {_AGAIN}") from None
        self._limits = limits
        self._left = limits.max_bytes
        self._contents: dict[str, bytes] = {}

    def load(self, location: str) -> bytes:
        """The content of the member that a reference leads to. Raises Unavailable, or DocumentError beyond the limits."""
        for name in (location, unquote(location)):
            if name in self._members:
                return self._read(name)
        if "://" in location:
            raise Unavailable(f"{location} is not in the archive, and an upload asks no server.", "Add the file to the archive.")
        raise Unavailable(f"The file {location} is not in the archive.", "Add it to the archive and import again.")

    def root(self, report: Report) -> str:
        """The name of the member that is the document: of those that name a version of OpenAPI or Swagger the one that is nearest to the
        top. Raises DocumentError if there is none.
        """
        documents = sorted((name for name in self._members if name.lower().endswith(_DOCUMENTS)), key=_rank)
        if not documents:
            inside = "only further archives" if any(name.lower().endswith(".zip") for name in self._members) else "no JSON and no YAML file"
            raise DocumentError(f"The zip archive holds {inside}. Unpack it and choose the OpenAPI file, or pack that one.")
        for level in sorted({name.count("/") for name in documents}):
            roots = [name for name in documents if name.count("/") == level and describes_api(self._read(name))]
            if roots:
                if len(roots) > 1:
                    _say_which(roots, report)
                return roots[0]
        if len(documents) == 1:
            return documents[0]
        raise DocumentError(
            f"None of the {len(documents):,} JSON and YAML files in the zip archive starts with openapi: 3.… or swagger: 2.0. "
            "Add the main file of the document, the one that lists the paths."
        )

    def _read(self, name: str) -> bytes:
        if name not in self._contents:
            self._limits.check_time()
            self._contents[name] = self._unpacked(name)
            self._left -= len(self._contents[name])
        return self._contents[name]

    def _unpacked(self, name: str) -> bytes:
        """A member, at most as many bytes as are left; what the archive says of its size is not trusted."""
        member = self._members[name]
        if member.flag_bits & _ENCRYPTED:
            raise DocumentError(f"The zip archive is protected by a password. {_AGAIN}")
        if member.compress_type not in _METHODS:
            raise DocumentError(f"The zip archive is packed by a method that cannot be read. {_AGAIN}")
        try:
            with self._zip.open(member) as file:
                content = file.read(self._left + 1)
        except _DAMAGED:
            raise DocumentError(f"The file {name} in the zip archive is damaged. Download it again. {_AGAIN}") from None
        if len(content) > self._left:
            self._left = 0
            raise DocumentError(_too_large(self._limits))
        return content


def _name(member: zipfile.ZipInfo) -> str:
    """The path of a member with forward slashes; "" for folders, hidden files and whatever leads out of the archive."""
    parts = [part for part in member.filename.replace("\\", "/").split("/") if part not in ("", ".")]
    hidden = not parts or parts[0] == "__MACOSX" or parts[-1].startswith(".") or ".." in parts
    return "" if hidden or member.is_dir() else "/".join(parts)


def _rank(name: str) -> tuple[int, int, str]:
    stem = posixpath.splitext(posixpath.basename(name))[0].lower()
    return (name.count("/"), next((n for n, usual in enumerate(_USUAL) if stem.startswith(usual)), len(_USUAL)), name)


def _say_which(roots: list[str], report: Report) -> None:
    others = listed(roots[1:])
    message = f"The archive holds {len(roots)} API descriptions. {roots[0]} was imported, and not {others}."
    report.find("info", "archive-root", "", message, "To import another one, upload it alone or with the files that belong to it.")


def _too_large(limits: Limits) -> str:
    return (
        f"The files of the zip archive have more than {limits.max_bytes / 1048576:g} MB unpacked, the most that can be imported. "
        "Pack only the files of the OpenAPI document."
    )
