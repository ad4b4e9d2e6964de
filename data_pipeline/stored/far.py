"""Reading a far file by ranges, in spite of connections that break."""

from __future__ import annotations

import time
from dataclasses import dataclass

from orchestrator.errors import DataError

PATIENCE = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds to wait before each further attempt."""


@dataclass(frozen=True, kw_only=True)
class Far:
    """A folder behind an fsspec URL: `s3://bucket/folder`, `gs://`, `https://`, `memory://`."""

    url: str
    patience: tuple[float, ...] = PATIENCE

    def read(self, name: str, start: int | None = None, end: int | None = None) -> bytes:
        """Bytes [start, end) of a file of the folder, or all of them.

        Raises DataError when the file is not there, the store answers with another number of bytes, or
        the last attempt fails too.
        """
        from fsspec.core import url_to_fs

        where = f"{self.url.rstrip('/')}/{name}"
        found: object = None
        for pause in (0.0, *self.patience):
            time.sleep(pause)
            try:
                system, path = url_to_fs(where)
                data: bytes = system.cat_file(path, start=start, end=end)
            except FileNotFoundError:
                raise DataError(f"{where} is not there; was the folder moved, or copied in part?") from None
            except PermissionError as error:
                raise DataError(f"{where} may not be read ({error}); check the credentials of this machine") from None
            except ImportError as error:
                raise DataError(f"{where} cannot be opened: {error}") from None
            except Exception as error:  # every store raises its own; the last one is told below
                found = error
                continue
            if start is None or end is None or len(data) == end - start:
                return data
            if len(data) > end - start:
                raise DataError(
                    f"{where}: asked for bytes {start:,} to {end:,}, the server sent {len(data):,} bytes: it does not answer"
                    " ranges. Copy the folder to this machine, or serve it from a store that does"
                )
            found = f"asked for {end - start:,} bytes, got {len(data):,}"
        raise DataError(
            f"{where} could not be read in {1 + len(self.patience)} attempts; the last: {found!r}. Check the network and the"
            " store, then resume"
        )
