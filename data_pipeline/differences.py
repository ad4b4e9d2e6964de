"""What differs between two prepared folders, or between two mixture pages: the first question when two curves do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_pipeline.mixture import load_mixture
from data_pipeline.prepared import Prepared, Split
from data_pipeline.stored.storage import Storage, is_url, open_data
from data_pipeline.stored.stream import Stream
from orchestrator.errors import CommandError

_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Difference:
    """`what` is `left` on one side and `right` on the other; None where a side has none. `examples`: ids of documents."""

    what: str
    left: Any
    right: Any
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = f" ({', '.join(self.examples)}{', ...' if len(self.examples) == _SHOWN else ''})" if self.examples else ""
        return f"{self.what}: {_said(self.left)} -> {_said(self.right)}{shown}"


def differences(left: str, right: str) -> list[Difference]:
    """Of two prepared folders (or URLs), or of two mixtures (names or pages). Raises CommandError for one of each."""
    kinds = [_is_prepared(side) for side in (left, right)]
    if kinds[0] != kinds[1]:
        data, page = (left, right) if kinds[0] else (right, left)
        raise CommandError(f"{data} is prepared data and {page} a mixture; compare two of a kind: prepare the mixture first")
    if kinds[0]:
        return list(_of_prepared(*open_data(left), *open_data(right)))
    return list(_of_values("", *(_page(side) for side in (left, right))))


def _is_prepared(side: str) -> bool:
    return is_url(side) or (Path(side) / "prepared.json").is_file()


def _page(name: str) -> dict[str, Any]:
    mixture = load_mixture(name)
    values = {**vars(mixture), "sources": {source.name: source for source in mixture.sources}}
    return {key: _plain(value) for key, value in values.items() if key not in ("name", "page")}


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _of_values(path: str, left: Any, right: Any) -> Iterator[Difference]:
    if isinstance(left, dict) and isinstance(right, dict):
        for key in dict.fromkeys((*left, *right)):
            yield from _of_values(f"{path}.{key}" if path else key, left.get(key), right.get(key))
    elif left != right:
        yield Difference(what=path, left=left, right=right)


def _of_prepared(left: Prepared, left_files: Storage, right: Prepared, right_files: Storage) -> Iterator[Difference]:
    if left.fingerprint == right.fingerprint:
        return
    for what in ("vocab_size", "end_id"):
        yield from _of_values(what, getattr(left, what), getattr(right, what))
    tokenizers = [side.files[side.tokenizer_path.name][1][:12] for side in (left, right)]
    yield from _of_values("tokenizer (sha256)", *tokenizers)
    ours, theirs = ({source.name: source for source in side.sources} for side in (left, right))
    for name in dict.fromkeys((*ours, *theirs)):
        if name not in ours or name not in theirs:
            yield Difference(what=f"source {name}", left=_told(ours.get(name)), right=_told(theirs.get(name)))
            continue
        yield from _of_values(f"source {name}: weight", ours[name].weight, theirs[name].weight)
        for split, title in (("train", "training"), ("validation", "held-out")):
            tokens = [getattr(side[name], f"{split}_tokens") for side in (ours, theirs)]
            yield from _of_values(f"source {name}: {title} tokens", *tokens)
        yield from _of_documents(name, _documents(left, left_files, name), _documents(right, right_files, name))


def _told(source: Any) -> str | None:
    return None if source is None else f"{source.documents:,} documents, {source.train_tokens:,} training tokens"


@dataclass(frozen=True)
class _Documents:
    """ids [n] and, of each, its text's hash and split."""

    ids: np.ndarray
    texts: np.ndarray
    splits: np.ndarray


def _documents(prepared: Prepared, storage: Storage, source: str) -> _Documents:
    columns: tuple[list[str], list[str], list[str]] = ([], [], [])
    splits: tuple[Split, ...] = ("train", "validation")
    for split in splits:
        stream = Stream(prepared, storage, source, split)
        for shard in range(len(stream.shards)):
            listed = stream.listed(shard)
            columns[0].extend(listed.column("id"))
            columns[1].extend(listed.column("hash"))
            columns[2].extend([split] * len(listed))
    ids, texts, where = (np.array(column, dtype=object) for column in columns)
    order = np.argsort(ids, kind="stable")
    return _Documents(ids[order], texts[order], where[order])


def _of_documents(source: str, left: _Documents, right: _Documents) -> Iterator[Difference]:
    for what, mine, other, here in (
        ("documents only on the left", left, right, 0), ("documents only on the right", right, left, 1)
    ):  # fmt: skip
        alone = mine.ids[~np.isin(mine.ids, other.ids)]
        if alone.size:
            counts = (None, alone.size) if here else (alone.size, None)
            examples = tuple(alone[:_SHOWN].tolist())
            yield Difference(what=f"source {source}: {what}", left=counts[0], right=counts[1], examples=examples)
    both, at_left, at_right = np.intersect1d(left.ids, right.ids, return_indices=True)
    for what, of_left, of_right in (
        ("texts that differ", left.texts, right.texts), ("documents in another split", left.splits, right.splits)
    ):  # fmt: skip
        differ = np.flatnonzero(of_left[at_left] != of_right[at_right])
        if differ.size:
            yield Difference(
                what=f"source {source}: {what}", left=f"{differ.size:,} of {both.size:,}", right="another",
                examples=tuple(both[differ[:_SHOWN]].tolist()),
            )  # fmt: skip


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_said(each)}" for key, each in value.items() if each not in (None, [], {}))
    return "none" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
