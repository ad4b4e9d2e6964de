"""Archives of the web become texts; the archives are written by hand, after ISO 28500 and RFC 9112."""

from __future__ import annotations

import gzip
import random
import zlib
from pathlib import Path

import brotli
import pytest
import zstandard

from data_pipeline.sources import Rejected
from tests.data_pipeline.sources._reading import read, source, split, through_blocks

PAGE = """<html><head><title>T</title><style>p {color: red}</style><script>var x = 1;</script></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/about">About us</a></li></ul></nav>
<main><article><h1>The caf\u00e9</h1><p>It opened in 1900 &amp; is still there, on the square by the old market, every day.</p>
<p>Its second paragraph says more about the tables, the light and the waiters who work there.</p></article></main>
<footer>Copyright, all rights reserved, privacy policy</footer></body></html>"""


def record(kind: str, block: bytes, number: int = 1, **headers: str) -> bytes:
    said = {
        "WARC-Type": kind, "WARC-Record-ID": f"<urn:uuid:00000000-0000-0000-0000-{number:012}>", "WARC-Date": "2024-05-01T10:00:00Z",
        "WARC-Target-URI": f"https://example.org/{number}", **{key.replace("_", "-"): value for key, value in headers.items()},
        "Content-Length": str(len(block)),
    }  # fmt: skip
    return (
        b"WARC/1.0\r\n"
        + b"".join(f"{key}: {value}\r\n".encode() for key, value in said.items())
        + b"\r\n"
        + block
        + b"\r\n\r\n"
    )


def response(
    body: bytes,
    number: int = 1,
    status: str = "200 OK",
    kind: str = "text/html; charset=utf-8",
    more: str = "",
) -> bytes:
    http = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}\r\n".encode() + body
    return record("response", http, number, Content_Type="application/http; msgtype=response")


def page(text: str) -> bytes:
    return f"<html><body><p>{text}</p></body></html>".encode()


ARCHIVE = [
    record("warcinfo", b"software: by hand\r\n", 0),
    record("request", b"GET / HTTP/1.1\r\n\r\n", 1, Content_Type="application/http; msgtype=request"),
    response(PAGE.encode(), 2),
    response(page("another page"), 3),
    record("conversion", "d\u00e9j\u00e0 du texte".encode(), 4, Content_Type="text/plain"),
    record("metadata", b"fetchTimeMs: 12\r\n", 5),
]
MEMBERS = b"".join(gzip.compress(part) for part in ARCHIVE)


@pytest.mark.parametrize(("name", "data"), [
    ("a.warc", b"".join(ARCHIVE)),
    ("a.warc.gz", MEMBERS),
    ("a.warc.gz", gzip.compress(b"".join(ARCHIVE))),
    ("a.warc.zst", zstandard.compress(b"".join(ARCHIVE))),
])  # fmt: skip
def test_pages_and_texts_of_an_archive(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    documents, rejected = read("warc", tmp_path, paths=name)
    assert rejected == []
    assert [document.id for document in documents] == [f"{name}:3", f"{name}:4", f"{name}:5"]
    assert [document.text for document in documents][1:] == ["another page", "d\u00e9j\u00e0 du texte"]
    assert documents[0].meta == {
        "url": "https://example.org/2", "date": "2024-05-01T10:00:00Z", "record": "<urn:uuid:00000000-0000-0000-0000-000000000002>",
    }  # fmt: skip


def test_the_main_content_is_what_is_read_unless_all_of_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(response(PAGE.encode()))
    ((main,), _), ((all_of_it,), _) = (
        read("warc", tmp_path, paths="*", main_content=main) for main in (True, False)
    )
    for text in (main.text, all_of_it.text):
        assert "The caf\u00e9" in text
        assert "opened in 1900 & is still there" in text
        assert "color" not in text
        assert "var x" not in text
    assert "About us" not in main.text
    assert "privacy policy" not in main.text
    assert "About us" in all_of_it.text


def chunked(body: bytes) -> bytes:
    return (
        b"".join(
            b"%x\r\n%b\r\n" % (len(body[at : at + 7]), body[at : at + 7]) for at in range(0, len(body), 7)
        )
        + b"0\r\n\r\n"
    )


@pytest.mark.parametrize(("body", "more"), [
    (gzip.compress(page("hello")), "Content-Encoding: gzip\r\n"),
    (zlib.compress(page("hello")), "Content-Encoding: deflate\r\n"),
    (brotli.compress(page("hello")), "Content-Encoding: br\r\n"),
    (page("hello"), "Content-Encoding: gzip\r\n"),  # taken away by the crawler, and the header kept
    (chunked(page("hello")), "Transfer-Encoding: chunked\r\n"),
    (page("hello"), "Transfer-Encoding: chunked\r\n"),
    (chunked(gzip.compress(page("hello"))), "Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n"),
], ids=["gzip", "deflate", "brotli", "gzip undone", "chunked", "chunked undone", "chunked gzip"])  # fmt: skip
def test_encodings_of_a_body_are_undone(tmp_path: Path, body: bytes, more: str) -> None:
    (tmp_path / "a.warc").write_bytes(response(body, more=more))
    documents, rejected = read("warc", tmp_path, paths="*")
    assert ([document.text for document in documents], rejected) == (["hello"], [])


@pytest.mark.parametrize(("body", "kind"), [
    ("<p>\u041f\u0440\u0438\u0432\u0435\u0442</p>".encode("cp1251"), "text/html; charset=windows-1251"),
    ("<meta charset=windows-1251><p>\u041f\u0440\u0438\u0432\u0435\u0442</p>".encode("cp1251"), "text/html"),
    ("<p>\u041f\u0440\u0438\u0432\u0435\u0442</p>".encode(), "text/html"),
    ("\ufeff<p>\u041f\u0440\u0438\u0432\u0435\u0442</p>".encode(), "application/xhtml+xml; charset=utf-8"),
    ("\u041f\u0440\u0438\u0432\u0435\u0442".encode(), "text/plain; charset=UTF-8"),
], ids=["header", "meta", "guessed", "mark", "plain"])  # fmt: skip
def test_charsets(tmp_path: Path, body: bytes, kind: str) -> None:
    (tmp_path / "a.warc").write_bytes(response(body, kind=kind))
    (document,), _ = read("warc", tmp_path, paths="*")
    assert document.text == "\u041f\u0440\u0438\u0432\u0435\u0442"


@pytest.mark.parametrize(("data", "reason"), [
    (response(b"gone", status="404 Not Found"), "no page: answered 404"),
    (response(b"\x89PNG", kind="image/png"), "no page: content type image/png"),
    (response(gzip.compress(page("x" * 500))[:-20], more="Content-Encoding: gzip\r\n"), "damaged or too long compression of the page"),
    (response(gzip.compress(b"x" * 10**6), more="Content-Encoding: gzip\r\n"), "damaged or too long compression of the page"),
    (response(b"<html><body></body></html>"), "empty text"),
    (response(b"a\0b", kind="text/plain"), "a NUL character at 2 of the text"),
    (record("conversion", b"caf\xe9"), "byte 0xe9 at 4 is not UTF-8"),
    (response(page("x" * 200_000)), "is 195.4 KiB long, `longest` is 97.7 KiB"),
    (record("response", b"not HTTP at all", 1, Content_Type="application/http; msgtype=response"), "no page: answered nothing that is HTTP"),
])  # fmt: skip
def test_what_is_no_text_has_a_reason_and_the_rest_is_read(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "a.warc").write_bytes(data + response(page("the next")))
    documents, rejected = read("warc", tmp_path, paths="*", longest=100_000)
    assert [document.text for document in documents] == ["the next"]
    assert rejected == [Rejected(where="a.warc:1", reason=reason)]


PAGES = [response(page(f"page {number} " + "with words " * (number % 9)), number) for number in range(30)]


@pytest.mark.parametrize(
    ("name", "parts"), [("a.warc", PAGES), ("a.warc.gz", [gzip.compress(part) for part in PAGES])]
)
def test_an_archive_cut_off_anywhere_keeps_its_whole_pages(
    tmp_path: Path, name: str, parts: list[bytes]
) -> None:
    """FastWARC, left to itself, gives the record in which the file ends as a shorter page."""
    whole = b"".join(parts)
    ends = [sum(map(len, parts[: number + 1])) for number in range(len(parts))]
    (tmp_path / name).write_bytes(whole)
    expected, _ = read("warc", tmp_path, paths=name)
    draw = random.Random(1)
    for cut in [1, len(whole) - 5, *(draw.randrange(1, len(whole)) for _ in range(60))]:
        (tmp_path / name).write_bytes(whole[:cut])
        documents, rejected = read("warc", tmp_path, paths=name)
        assert documents == expected[: len(documents)]
        complete = sum(end - 4 <= cut if name == "a.warc" else end <= cut for end in ends)
        assert (
            complete <= len(documents) <= complete + 1
        )  # of a member whose checksum alone is cut, the page is whole
        assert len(rejected) == (0 if cut in ends or (name == "a.warc" and cut + 4 in ends) else 1), cut


def test_a_damaged_archive_ends_alone(tmp_path: Path) -> None:
    data = b"".join(PAGES[:3]) + b"some other bytes\r\nfor a while\r\n\r\n" * 50 + b"".join(PAGES[3:])
    (tmp_path / "a.warc").write_bytes(data)
    (tmp_path / "b.warc").write_bytes(PAGES[7])
    documents, rejected = read("warc", tmp_path, paths="*.warc")
    assert len(documents) == 4
    assert [told.where for told in rejected] == ["a.warc"]


@pytest.mark.parametrize("seed", range(5))
def test_no_damage_stops_the_job(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    for number in range(40):
        data = bytearray(b"".join(PAGES[:4]))
        for _ in range(draw.choice((1, 3, 20))):
            at = draw.randrange(len(data))
            if draw.random() < 0.5:
                data[at] = draw.randrange(256)
            else:
                del data[at : at + draw.randrange(1, 200)]
        (tmp_path / f"{number:02}.warc").write_bytes(data)
    (tmp_path / "last.warc").write_bytes(response(page("the last")))
    documents, rejected = split(through_blocks(source("warc", tmp_path, paths="*.warc"), 1))
    assert documents[-1].text == "the last"
    assert rejected
