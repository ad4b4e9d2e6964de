"""Files behind a web server are read like files here; one that is not reached is not taken for a bad one."""

from __future__ import annotations

import gzip
import http.server
import io
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from data_pipeline.sources import Rejected
from orchestrator.errors import DataError, PageError
from tests.data_pipeline.sources._reading import read, source, through_blocks


class Server(http.server.SimpleHTTPRequestHandler):
    """The folder, with ranges (RFC 9110, section 14), which Parquet needs and the standard handler lacks."""

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        path = Path(self.translate_path(self.path))
        if asked is None or not path.is_file():
            super().do_GET()
            return
        whole = path.read_bytes()
        first, _, last = asked.removeprefix("bytes=").partition("-")
        part = whole[int(first) : int(last or len(whole)) + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(whole)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_every_format_from_a_web_server(tmp_path: Path, address: str) -> None:
    lines = b'{"text": "one"}\n{"text": "two"}\n'
    table = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"text": ["one", "two"]}), table)
    files = {
        "a.jsonl": lines,
        "b.jsonl.gz": gzip.compress(lines),
        "c.jsonl.zst": zstandard.compress(lines),
        "d.parquet": table.getvalue(),
        "e.txt": b"three",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    documents, rejected = read("files", tmp_path, paths=tuple(f"{address}/{name}" for name in files))
    assert rejected == []
    assert [document.text for document in documents] == ["one", "two"] * 4 + ["three"]
    assert documents[0].id == "a.jsonl:1"
    listed, _ = read("files", tmp_path, paths=f"{address}/*.jsonl*")
    assert [document.text for document in listed] == ["one", "two"] * 3


def test_the_signature_follows_what_the_server_says(tmp_path: Path, address: str) -> None:
    (tmp_path / "a.txt").write_text("one")
    found = source("files", tmp_path, paths=f"{address}/a.txt")
    (before,) = found.blocks(1)
    assert found.blocks(1) == [before]
    (tmp_path / "a.txt").write_text("four")
    (after,) = source("files", tmp_path, paths=f"{address}/a.txt").blocks(1)
    assert after.signature != before.signature


def test_a_file_that_the_server_no_longer_has(tmp_path: Path, address: str) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    found = source("files", tmp_path, paths=(f"{address}/a.txt", f"{address}/b.txt"))
    blocks = found.blocks(2**20)
    (tmp_path / "a.txt").unlink()
    records = [record for block in blocks for record in found.read(block)]
    assert records[0] == Rejected(where="a.txt", reason="is no longer there")
    assert records[1].text == "b.txt"  # type: ignore[union-attr]


def test_an_address_without_a_file_is_a_mistake_of_the_page(tmp_path: Path, address: str) -> None:
    with pytest.raises(PageError, match=r"missing\.jsonl.*there is no such file"):
        source("files", tmp_path, paths=f"{address}/missing.jsonl").blocks(1)


def test_blocks_of_remote_files_can_be_sent(tmp_path: Path, address: str) -> None:
    (tmp_path / "a.txt").write_text("one")
    (record,) = through_blocks(source("files", tmp_path, paths=f"{address}/a.txt"), 1)
    assert record.text == "one"  # type: ignore[union-attr]


def test_a_server_that_is_gone_is_not_taken_for_bad_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    found = source("files", tmp_path, paths=f"http://127.0.0.1:{server.server_port}/a.txt")
    blocks = found.blocks(1)
    server.shutdown()
    server.server_close()
    thread.join()
    with pytest.raises(DataError, match=r"a\.txt: could not be read .*goes on where it stopped"):
        list(found.read(blocks[0]))
