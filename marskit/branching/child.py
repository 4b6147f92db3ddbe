"""A branch in a child process, so that no screen waits for it; it ends with this process."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from marskit.demo import IMPORT_ROOT
from marskit.knowledge.format.codec import CodecError, dumps, loads
from marskit.replay.branched import Branched, ReplayError
from marskit.system.processes import Children, scratch_path

# The same code in the child, whatever its working folder.
_PATHS = (str(IMPORT_ROOT), os.environ.get("PYTHONPATH"))
_MOST = 2**24
"""Longest line to read, in bytes: a branch of a day takes a few megabytes."""

Tell = Callable[[str, int, int], None]


def progress_line(planner: str, done: int, of: int) -> str:
    """Progress, as one line of JSON."""
    return json.dumps({"planner": planner, "done": done, "of": of})


def result_line(branched: Branched) -> str:
    """The result, as one line of JSON."""
    return f'{{"branched":{dumps(branched, Branched)}}}'


class BranchChild:
    """Branches one run, one branch at a time; see `tui.replay.Branches`."""

    def __init__(self, run: str, arguments: Sequence[str]) -> None:
        """Take the run's id and further arguments for `marskit replay`, such as the folder."""
        self._run = run
        self._arguments = tuple(arguments)

    async def branch(self, cycle: int, planner: str, tell: Tell) -> Branched:
        """Run it and report its progress.

        Raises:
            ReplayError: It ended without a result; the message is the child's own.
        """
        folder = scratch_path("marskit-branch-")
        children = Children(scratch=folder)
        read_end, write_end = os.pipe()
        reader = asyncio.StreamReader(limit=_MOST)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", buffering=0)
        )
        command = ("replay", self._run, "--headless", "--json", "--branch", planner, "--at", str(cycle))
        try:
            try:
                children.make_scratch()
                child = await children.spawn(
                    "branch",
                    (sys.executable, "-m", "marskit", *command, *self._arguments),
                    env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, _PATHS))},
                    cwd=Path.cwd(),
                    log=folder / "branch.log",
                    stdout=write_end,
                )
            finally:
                os.close(write_end)
            found = await _follow(reader, tell)
            code = await child.wait()
            if found is None:
                raise ReplayError(_complaint(child.log.read_text(errors="replace"), code))
            return found
        finally:
            transport.close()
            await children.close(grace_s=0.0)


async def _follow(reader: asyncio.StreamReader, tell: Tell) -> Branched | None:
    """Read its messages; the result, if there is one."""
    found: Branched | None = None
    async for line in reader:
        try:
            told = json.loads(line)
            if "branched" in told:
                found = loads(json.dumps(told["branched"]), Branched)
            else:
                tell(told["planner"], told["done"], told["of"])
        except (ValueError, KeyError, TypeError, CodecError):
            # Libraries print as well.
            continue
    return found


def _complaint(said: str, code: int) -> str:
    lines = said.strip().splitlines()
    return lines[-1].removeprefix("marskit: ") if lines else f"The branch ended with code {code}."
