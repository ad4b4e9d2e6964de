"""The folder of finished jobs.

    store/
      clean-3f0c.../       files of one job, and receipt.json with their sizes and checksums
      .clean-3f0c...-x/    a job in work, or one that died; removed by whoever next holds the lock
      ticks/               how far running jobs are
      pages/               which jobs each page may still need (wanted.py)

A job's folder is filled under another name, forced to disk and renamed, so it exists whole or not at all. Two who do
the same job at once both do it right; the second finds the name taken and throws its copy away.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from data_pipeline.files import force, sha256_of
from data_pipeline.work.job import Job, Output, Tick
from data_pipeline.work.wanted import FOLDER, Wanted

_RECEIPT = "receipt.json"


class Store:
    """Finished jobs under `folder`, which pages of one name share; `page` is the one whose jobs are asked for.

    `used` are the names that this store was asked for.
    """

    def __init__(self, folder: Path, page: Path | None = None) -> None:
        self.folder = folder
        self.used: set[str] = set()
        self._wanted = Wanted(folder, page) if page is not None else None

    def __reduce__(self) -> tuple[type[Store], tuple[Path]]:
        return Store, (self.folder,)

    def find(self, job: Job) -> Output | None:
        """What is left of the job, if it was done and its files are there."""
        name = name_of(job)
        if self._wanted is not None and name not in self.used:
            self._wanted.add(name)
        self.used.add(name)
        return _read(self.folder / name)

    def perform(self, job: Job, tick: Tick) -> Output:
        """Does the job, unless it is done."""
        done = self.find(job)
        if done is not None:
            return done
        final = self.folder / name_of(job)
        partial = Path(tempfile.mkdtemp(prefix=f".{final.name}-", dir=self.folder))
        try:
            facts = job.run(partial, tick)
            files = {
                path.relative_to(partial).as_posix(): (path.stat().st_size, sha256_of(path))
                for path in sorted(partial.rglob("*")) if path.is_file()
            }  # fmt: skip
            receipt = {"title": job.title, "signature": job.signature(), "facts": facts, "files": files}
            (partial / _RECEIPT).write_text(json.dumps(receipt, indent=1, ensure_ascii=False), "utf-8")
            for path in (*partial.rglob("*"), partial):
                force(path)
            if final.exists():  # damaged, or another did the same meanwhile
                if (done := _read(final)) is not None:
                    return done
                shutil.rmtree(final)
            try:
                partial.rename(final)
            except OSError:
                if not final.is_dir():
                    raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)  # renamed already when all went well
        force(self.folder)
        done = _read(final)
        assert done is not None
        return done

    def sweep(self) -> None:
        """Removes what jobs that died have left. Only who holds the lock may.

        Workers of a driver that was killed live on for a second and may write where something is being removed; what that
        leaves is removed the next time.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.glob(".*"):
            shutil.rmtree(path, ignore_errors=True)
        shutil.rmtree(self.folder / "ticks", ignore_errors=True)

    def forget_unused(self) -> None:
        """Removes finished jobs that this store was not asked for, here or for another page: of texts or a page that changed."""
        kept = self.used
        if self._wanted is not None:
            self._wanted.settle(self.used)
            kept = {FOLDER, *self.used, *self._wanted.by_others()}
        for path in self.folder.iterdir():
            if path.name not in kept:
                shutil.rmtree(path)


def name_of(job: Job) -> str:
    return f"{type(job).__name__.lower()}-{job.key[:32]}"


def _read(folder: Path) -> Output | None:
    """The output, or None where there is none or a file of it has another size than its receipt says."""
    try:
        said = json.loads((folder / _RECEIPT).read_bytes())
        files = {name: (size, checksum) for name, (size, checksum) in said["files"].items()}
        whole = all((folder / name).stat().st_size == size for name, (size, _) in files.items())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, KeyError):
        return None
    if not whole:
        with suppress(OSError):
            (folder / _RECEIPT).unlink()
        return None
    return Output(folder=folder, facts=said["facts"], files=files)
