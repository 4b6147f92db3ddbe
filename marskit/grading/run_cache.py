"""The figures of runs of marskit's own planners, kept in the user's cache folder."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from marskit.compare.jobs import Failed, Job, Measured
from marskit.compare.runner import Tell, run_all
from marskit.errors import UserError
from marskit.grading.run_keys import is_own, run_key
from marskit.knowledge.format.codec import CodecError, dumps, loads
from marskit.system.atomic_write import write_durably
from marskit.system.private_files import UnsafeFolderError, make_private_folder
from marskit.system.user_cache import CacheError, user_cache

MOST_BYTES = 50_000_000
"""Size above which the entries that were unused for longest are removed."""
_ENDING = ".run"
_NO_SEED = 0
"""Stands for the seed in an entry: secret seeds must not lie on the disk."""


@dataclass(frozen=True, slots=True)
class RunCache:
    """Figures by what they depend on; an entry that is damaged counts as missing.

    The check finds damage, not forgery: whoever may write this folder may also write a valid entry.
    """

    folder: Path

    @classmethod
    def of_user(cls) -> "RunCache | None":
        """The user's own cache, in a folder that nobody else can write; None if it cannot be made."""
        try:
            folder = user_cache() / "grading"
            for each in (folder.parent, folder):
                make_private_folder(each)
        except (OSError, CacheError, UnsafeFolderError):
            return None
        return cls(folder)

    def get(self, job: Job) -> Measured | None:
        """The kept figures of this run; None if there are none that are whole."""
        try:
            file = self._file(job)
            check, _, text = file.read_text(encoding="utf-8").partition("\n")
            if check != _check(text):
                return None
            measured = loads(text, Measured)
            # Its time says when it was last used.
            file.touch()
        except (OSError, UnicodeDecodeError, CodecError, UserError):
            return None
        return replace(measured, planner=job.planner, scenario=job.scenario, seed=job.seed)

    def put(self, job: Job, measured: Measured) -> None:
        """Keep the figures; a disk that is full or read-only keeps nothing."""
        text = dumps(replace(measured, seed=_NO_SEED), Measured)
        with suppress(OSError, UserError):
            write_durably(self._file(job), f"{_check(text)}\n{text}".encode())

    def trim(self, most_bytes: int = MOST_BYTES) -> None:
        """Remove entries, those unused for longest first, until at most that many bytes are left."""
        with suppress(OSError):
            found = [(file.stat(), file) for file in self.folder.iterdir() if file.is_file()]
            size = sum(status.st_size for status, _ in found)
            for status, file in sorted(found, key=lambda each: each[0].st_mtime_ns):
                if size <= most_bytes:
                    break
                file.unlink(missing_ok=True)
                size -= status.st_size

    def _file(self, job: Job) -> Path:
        return self.folder / f"{run_key(job)}{_ENDING}"


def run_or_recall(jobs: Sequence[Job], tell: Tell, cache: RunCache | None) -> tuple[Measured | Failed, ...]:
    """Run the jobs as `run_all` does, except those of marskit's own planners that the cache has."""
    if cache is None:
        return run_all(jobs, tell)
    recalled = {job: found for job in jobs if is_own(job) and (found := cache.get(job)) is not None}
    for job, found in recalled.items():
        tell(job, found)

    def told(job: Job, result: Measured | Failed) -> None:
        if isinstance(result, Measured) and is_own(job):
            cache.put(job, result)
        tell(job, result)

    missing = [job for job in jobs if job not in recalled]
    results = dict(zip(missing, run_all(missing, told), strict=True))
    cache.trim()
    return tuple(recalled[job] if job in recalled else results[job] for job in jobs)


def _check(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
