"""A data set of the Hugging Face hub, or a folder laid out like one, read by the `datasets` package.

The package is not needed for anything else and brings others, so it is an extra: `pip install
'orchestrator[hf]'`. Streaming reads shard by shard without a copy on disk; each shard is one part, so that
any worker can begin at any of them, which the package's own shuffled stream cannot do exactly
(huggingface/datasets, issue 7901).

A branch of the hub can change between two readings. `revision` with a commit cannot; without one, a change
is noticed and told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from gzip import BadGzipFile
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from data_pipeline.sources import SOURCES, Block, Document, Rejected, Source
from data_pipeline.sources._blocks import Allowance, grouped
from data_pipeline.sources._found import file_system, page_error, signature_of
from data_pipeline.sources._records import document_of
from orchestrator.errors import DataError
from orchestrator.pages import Bytes

_ASSUMED = 2**28
"""Bytes of text in a shard that is not one file."""
_PACKED = (".parquet", ".arrow", ".gz", ".zst", ".xz", ".bz2", ".zip", ".tar")


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A shard of a streamed split, or the rows from `start` to before `stop` of one that was fetched."""

    name: str
    facts: str
    """The signature of the data set, by which a reader knows that it reads the same."""
    size: int
    start: int
    stop: int


@SOURCES.register
class HfDataset(Source):
    kind: Literal["hf_dataset"]
    path: str = Field(min_length=1, description="owner/name on the hub, or a folder: ./name or /path/name")
    config: str | None = Field(
        default=None, min_length=1, description="which of its configurations (the package's `name`)"
    )
    split: str = Field(default="train", pattern=r"^[A-Za-z0-9_.]+$")
    revision: str | None = Field(
        default=None, min_length=1, description="a commit, a tag or a branch of the hub"
    )
    streaming: bool = Field(
        default=True, description="false fetches the whole split first, into the package's cache"
    )
    text_field: str = "text"
    id_field: str | None = Field(default=None, description="default: the document's shard and row")
    meta_field: str = Field(
        default="meta", description="a column of objects kept beside the document, where there is one"
    )
    limit: Annotated[Bytes, Field(ge=1)] | None = Field(
        default=None, description="bytes of text at most, from all its shards"
    )

    def anchored(self, folder: Path) -> Source:
        is_folder = self.path.startswith(("./", "../"))
        return self.model_copy(update={"path": str(folder / self.path)}) if is_folder else self

    def signature(self) -> str:
        return self._signature(self._builder())

    def blocks(self, size: int) -> list[Block]:
        builder = self._builder()
        signature, rows = self._signature(builder), self._split(builder)
        if self.streaming:
            cuts = [
                (shard, shard + 1, held) for shard, held in enumerate(self._sizes(builder, rows.num_shards))
            ]
        else:
            per_row = max(1, rows.data.nbytes // max(1, rows.num_rows))
            starts = range(0, rows.num_rows, max(1, size // per_row))
            cuts = [
                (start, stop := min(rows.num_rows, start + starts.step), (stop - start) * per_row)
                for start in starts
            ]
        shares = [
            Share(name=f"{self.split}[{start}]", facts=signature, size=held, start=start, stop=stop)
            for start, stop, held in cuts
        ]
        return grouped(shares, size, self.limit)

    def _sizes(self, builder: Any, shards: int) -> list[int]:
        """About how many bytes of text each shard holds, where each is a file.

        What the package knows of sizes depends on what its cache holds, and blocks must be the same on
        every machine.
        """
        files = list((builder.config.data_files or {}).get(self.split, ()))
        if len(files) != shards:
            return [_ASSUMED] * shards
        found = ((path, *file_system(path, self.name)) for path in files)
        return [
            system.info(path)["size"] * (4 if said.endswith(_PACKED) else 1) for said, system, path in found
        ]

    def read(self, block: Block) -> Iterator[Document | Rejected]:
        builder = self._builder()
        if self._signature(builder) != block.parts[0].facts:
            told = f"source {self.name!r}: {self.path} has changed since its blocks were listed"
            raise DataError(f"{told}; write a commit as its `revision`, and prepare the data again")
        rows = self._split(builder)
        allowance = Allowance(block)
        for share in block.parts:
            yield from allowance.take(self._documents(rows, share), share.size)

    def _documents(self, rows: Any, share: Share) -> Iterator[Document | Rejected]:
        if self.streaming:
            part, place, first = (
                rows.shard(num_shards=rows.num_shards, index=share.start),
                f"{self.split}/{share.start}",
                1,
            )
        else:
            part, place, first = rows.select(range(share.start, share.stop)), self.split, share.start + 1
        fields = (self.text_field, self.id_field, self.meta_field)
        try:
            for number, row in enumerate(part, start=first):
                yield document_of(f"{place}:{number}", row, self.name, fields)
        except (
            FileNotFoundError,
            PermissionError,
            EOFError,
            BadGzipFile,
            ValueError,
        ) as error:  # pyarrow's are ValueErrors
            yield Rejected(where=share.name, reason=f"is damaged or no longer there ({_first_line(error)})")
        except OSError as error:
            told = f"source {self.name!r}: {self.path} could not be read ({_first_line(error)})"
            raise DataError(
                f"{told}; prepare the data again when it can: it goes on where it stopped"
            ) from error

    def _builder(self) -> Any:
        try:
            import datasets
        except ImportError:
            fix = "pip install 'orchestrator[hf]'"
            raise page_error(
                self.path, self.name, "needs the package `datasets`, which is not installed", fix
            ) from None
        try:
            return datasets.load_dataset_builder(self.path, name=self.config, revision=self.revision)
        except (FileNotFoundError, ValueError, datasets.exceptions.DatasetsError) as error:
            fix = "correct `path`, `config` or `revision`"
            raise page_error(self.path, self.name, f"cannot be opened: {_first_line(error)}", fix) from None
        except OSError as error:
            told = f"source {self.name!r}: {self.path} cannot be reached ({_first_line(error)})"
            raise DataError(f"{told}; try again later, or name a folder with a copy of it") from error

    def _split(self, builder: Any) -> Any:
        try:
            if self.streaming:
                return builder.as_streaming_dataset(split=self.split)
            builder.download_and_prepare()
            return builder.as_dataset(split=self.split)
        except ValueError as error:
            raise page_error(self.path, self.name, _first_line(error), "correct `split`") from None

    def _signature(self, builder: Any) -> str:
        """Of its files: their addresses, which on the hub hold the commit, and times or tags."""
        files = builder.config.data_files or {}
        facts = [f"{split} {list(found)} {found.origin_metadata}" for split, found in sorted(files.items())]
        return signature_of([self.path, str(self.config), self.split, builder.hash or "", *facts])


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
