"""A prepared folder behind a server of the tests' own, which can be told to misbehave."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from data_pipeline.prepared import Prepared


class Server(ThreadingHTTPServer):
    """Serves `folder` by ranges. `cuts`: answers still to be broken off in the middle; `ranges`: whether it knows them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.folder, self.cuts, self.ranges = folder, 0, True
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        path = self.server.folder / self.path.lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        data, code = path.read_bytes(), 200
        self.server.asked.append(f"{self.path} {self.headers.get('Range', '')}".strip())
        if self.server.ranges and (wanted := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))):
            data, code = data[int(wanted[1]) : int(wanted[2]) + 1], 206
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.server.cuts:
            self.server.cuts -= 1
            self.wfile.write(data[: len(data) // 2])
            self.connection.close()
        else:
            self.wfile.write(data)

    def log_message(self, *arguments: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def server(small: Prepared) -> Iterator[Server]:
    serving = Server(small.folder)
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield serving
    serving.shutdown()
    serving.server_close()
    thread.join()
