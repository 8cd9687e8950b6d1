"""Bodies by their media type: what becomes of them, and which ones are refused."""

from __future__ import annotations

from typing import Any

import pytest

from connections.exchange import Answer, Headers
from connections.media import value_of

BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;">]><a>&y;</a>"""
FILE = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"""


def answer(content_type: str, body: bytes) -> Answer:
    return Answer(200, "OK", Headers([("Content-Type", content_type)]), body, "https://api.example.com/")


@pytest.mark.parametrize(
    ("content_type", "body", "key", "value"),
    [
        ("application/json", b'{"a": 1}', "", {"a": 1}),
        ("text/plain", b'{"a": 1}', "", {"a": 1}),
        ("text/xml", b'{"a": 1}', "", {"a": 1}),
        ("application/json", b"  ", "", None),
        ("application/x-ndjson", b'{"a": 1}\r\n\n{"a": 2}', "", [{"a": 1}, {"a": 2}]),
        ("application/jsonl", '{"a": "x\u2028y"}\n'.encode(), "", [{"a": "x\u2028y"}]),
        ("application/json-seq", b'\x1e{"a": 1}\n\x1e{"a": 2}\n', "", [{"a": 1}, {"a": 2}]),
        ("text/csv", b"", "$", None),
        ("text/csv", b"id,name\n", "$", []),
        ("text/csv; charset=ISO-8859-1", "id,name\n1,Größe\n".encode("latin-1"), "$", [{"id": "1", "name": "Größe"}]),
        ("text/csv", b'id;name\r\n1;"a;b\nc"\r\n\r\n2;"say ""x"""\r\n', "$", [{"id": "1", "name": "a;b\nc"}, {"id": "2", "name": 'say "x"'}]),
        ("text/csv", b"a,a,\n1,2,3,4\n5\n", "$", [{"a": "1", "a 2": "2", "column 3": "3", "column 4": "4"}, {"a": "5", "a 2": "", "column 3": ""}]),
        ("text/tab-separated-values", b"a\tb\n1,5\t2\n", "$", [{"a": "1,5", "b": "2"}]),
        ("application/xml", b"<r><n>1</n></r>", "", {"r": {"n": "1"}}),
        ("application/atom+xml", b"<f xmlns='http://x'><e/><e a='1'>t</e></f>", "f.e", {"f": {"e": [None, {"@a": "1", "#text": "t"}]}}),
        ("text/xml", b"<r><u><n>1</n></u></r>", "r.u", {"r": {"u": [{"n": "1"}]}}),
        ("text/xml", b"<r><us/></r>", "r.us.u", {"r": {"us": {"u": []}}}),
        ("text/xml", b"<r total='0'/>", "r.u", {"r": {"@total": "0", "u": []}}),
        ("text/xml", b"<!-- c --><r><!-- d --><n>1</n></r>", "", {"r": {"n": "1"}}),
    ],
)  # fmt: skip
def test_body_is_read_by_its_media_type(content_type: str, body: bytes, key: str, value: Any) -> None:
    assert value_of(answer(content_type, body), list_at=key) == value


@pytest.mark.parametrize(
    ("content_type", "body", "sentence"),
    [
        ("text/xml", BOMB, "The XML of the answer declares entities or a document type, which Junction does not read."),
        ("text/xml", FILE, "The XML of the answer declares entities or a document type, which Junction does not read."),
        ("text/xml", b"<a><b></a>", "The body of the answer (text/xml) is not valid XML."),
        ("text/xml", b"<a>" * 300 + b"</a>" * 300, "The XML of the answer is nested deeper than 200 levels."),
        ("application/x-ndjson", b'{"a": 1}\n{"a": ', "Line 2 of the answer (application/x-ndjson) is not valid JSON."),
        ("text/csv", b'a,b\n1,"2\n', "The table of the answer (text/csv) is damaged: unexpected end of data."),
        ("text/csv", b"a\n" + b"x" * 200_000, "The table of the answer (text/csv) is damaged: field larger than field limit (131072)."),
        ("application/xhtml+xml", b"<html><p>x</p></html>",
         "The server answered with an HTML page where JSON was expected. Check the host, the base path and the path of the request."),
        ("text/plain", b"words", "The body of the answer (text/plain) is not valid JSON."),
    ],
)  # fmt: skip
def test_body_that_cannot_be_read_says_why(content_type: str, body: bytes, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        value_of(answer(content_type, body), list_at="a.b")
    assert str(caught.value) == sentence


def test_text_is_its_own_value_where_no_list_is_expected() -> None:
    assert value_of(answer("text/plain", b"words"), plain_text=True) == "words"
