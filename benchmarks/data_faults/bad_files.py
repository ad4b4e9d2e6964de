"""Files that are broken in every way, one preparation each, beside good files of which no document may be missing."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data_faults.trials import command, left_over
from data_pipeline.prepared import open_prepared

GOOD = 3
DOCUMENTS = 200  # of each good file
PAGE = """
sources: [{name: texts, kind: files, paths: 'texts/*', weight: 1}]
tokenizer: {train: byte_bpe, vocab_size: 300, sample: 100KB}
block: 20KB
"""
WITHOUT_RIGHTS = ("setpriv", "--inh-caps=-dac_override,-dac_read_search", "--bounding-set=-dac_override,-dac_read_search")


def lines(name: str, number: int) -> bytes:
    """Documents that are all different."""
    rows = ({"text": f"Document {each} of the file {name} says that {each * each} is the square of {each}."} for each in range(number))
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A bad file of this `name`, of which `whole` documents at least must be kept."""

    told: str
    name: str
    write: Callable[[Path], None]
    whole: int = 0
    meanwhile: Callable[[Path], None] | None = None
    rights: tuple[str, ...] = ()
    """Words before the command, that take the right to read every file from root."""


def run(folder: Path) -> int:
    wrong = 0
    for number, case in enumerate(cases()):
        wrong += not _tried(case, folder / f"case-{number}")
    print("every good document is there, nothing is half-written" if not wrong else f"{wrong} cases are WRONG")
    return int(wrong > 0)


def cases() -> list[Case]:
    from zstandard import ZstdCompressor

    whole = lines("bad", DOCUMENTS)
    half = len(whole) // 2
    zst, gz = ZstdCompressor().compress(whole), gzip.compress(whole)

    def writes(*pieces: bytes) -> Callable[[Path], None]:
        def write(path: Path) -> None:
            path.write_bytes(b"".join(pieces))

        return write

    def of(*rows: object) -> bytes:
        return b"".join(json.dumps(row).encode() + b"\n" for row in rows)

    def long_line(path: Path) -> None:
        with path.open("wb") as file:
            file.write(whole + b'{"text": "')
            for _ in range(100):
                file.write(b"abcdefg " * 125_000)
            file.write(b'"}\n' + lines("after", 10))

    return [
        Case(told="truncated zstd", name="bad.jsonl.zst", write=writes(zst[: len(zst) // 2])),
        Case(told="truncated gzip", name="bad.jsonl.gz", write=writes(gz[: len(gz) // 2]), whole=1),
        Case(told="damaged gzip", name="bad.jsonl.gz", write=writes(gz[:200], b"\xff" * 50, gz[250:])),
        Case(told="bad UTF-8 in one line", name="bad.jsonl", write=writes(whole, b'{"text": "caf\xe9"}\n', lines("after", 5)), whole=DOCUMENTS + 5),
        Case(told="NUL bytes between lines", name="bad.jsonl", write=writes(whole, b"\0" * 4096 + b"\n", lines("after", 5)), whole=DOCUMENTS + 5),
        Case(told="NUL in a text", name="bad.jsonl", write=writes(whole, of({"text": "a\0b"})), whole=DOCUMENTS),
        Case(told="a line of 100 MB", name="bad.jsonl", write=long_line, whole=DOCUMENTS + 10),
        Case(told="no field `text`", name="bad.jsonl", write=writes(whole, of({"body": "x"}, {})), whole=DOCUMENTS),
        Case(told="texts of wrong types", name="bad.jsonl", write=writes(whole, of({"text": 7}, {"text": ["a"]}, {"text": None}, [1], "x", 3)), whole=DOCUMENTS),
        Case(told="half a surrogate: text, id, meta, name", name="bad.jsonl", write=writes(whole, *_surrogates()), whole=DOCUMENTS + 1),
        Case(told="line separators in names of fields", name="bad.jsonl", write=writes(whole, of({"a\u2028b\x85c": 1})), whole=DOCUMENTS),
        Case(told="a last line that is cut", name="bad.jsonl", write=writes(whole[:half]), whole=DOCUMENTS // 2 - 1),
        Case(told="empty file", name="bad.jsonl", write=writes()),
        Case(told="not Parquet", name="bad.parquet", write=writes(b"PAR1 no, it is not")),
        Case(told="vanished after it was listed", name="vanished.jsonl", write=writes(whole), meanwhile=Path.unlink),
        Case(told="not readable by this user", name="bad.jsonl", write=_unreadable, rights=WITHOUT_RIGHTS if os.geteuid() == 0 else ()),
        Case(told="a folder called .jsonl", name="bad.jsonl", write=Path.mkdir),
        Case(told="a name that is not UTF-8", name=os.fsdecode(b"bad-\xff.jsonl"), write=writes(whole, b"no json\n"), whole=DOCUMENTS),
    ]  # fmt: skip


def _surrogates() -> list[bytes]:
    return [
        b'{"text": "\\ud800"}\n', b'{"\\ud800": 1}\n', b'{"text": "of a bad meta, and else quite good", "meta": {"\\ud800": "\\ud800"}}\n',
    ]  # fmt: skip


def _unreadable(path: Path) -> None:
    path.write_bytes(lines("bad", 5))
    path.chmod(0)


def _tried(case: Case, folder: Path) -> bool:
    texts = folder / "texts"
    texts.mkdir(parents=True)
    for number in range(GOOD):
        (texts / f"good-{number}.jsonl").write_bytes(lines(f"good-{number}", DOCUMENTS))
    bad = texts / case.name
    case.write(bad)
    (folder / "page.yaml").write_text(PAGE)
    status, said, peak = _run(folder, case, bad)
    told = f"{case.told:<40} peak {peak / 1e6:>5.0f} MB  "
    halves = left_over(folder / "data")
    finished = list((folder / "data").glob("*/prepared.json"))
    if status:
        clear = "Traceback" not in said and not finished and not halves
        print(f"{told}{'refused' if clear else 'FAILED'}: {said.strip().splitlines()[-1] if clear else said[-1500:]}", flush=True)
        return clear
    prepared = open_prepared(finished[0].parent)
    prepared.verify(contents=True)
    kept = prepared.sources[0].documents
    quarantined = [json.loads(line) for line in (prepared.folder / "quarantine.jsonl").open(encoding="utf-8")]
    good = not halves and kept >= GOOD * DOCUMENTS + case.whole
    first = f"{quarantined[0]['where']}: {quarantined[0]['reason'][:90]}" if quarantined else "nothing"
    print(f"{told}{'' if good else 'WRONG '}{kept} documents; put aside {len(quarantined)}, the first {first}", flush=True)
    return good


def _run(folder: Path, case: Case, bad: Path) -> tuple[int, str, int]:
    """(exit status, what it said, peak memory in bytes)."""
    with tempfile.TemporaryFile("w+") as output:
        words = [*case.rights, *command(folder / "page.yaml", folder / "data", "--workers", "1")]
        process = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT)
        if case.meanwhile is not None:
            while process.poll() is None and not list((folder / "data").glob(".work/*/.clean-*")):
                time.sleep(0.001)  # the first block is read; this file is in the last
            case.meanwhile(bad)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return process.returncode, output.read(), used.ru_maxrss * 1024
