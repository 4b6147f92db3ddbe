"""A child process of our own code that tells in lines what it does."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from marskit.demo import IMPORT_ROOT
from marskit.system.processes import Child, Children, scratch_path

_MOST_BYTES = 2**24
"""The longest line that is read: a branch of a day is a few megabytes."""


def python_path() -> str:
    """The `PYTHONPATH` with which a child runs the same code, from whatever folder it is started."""
    return os.pathsep.join(filter(None, (str(IMPORT_ROOT), os.environ.get("PYTHONPATH"))))


class LineChild:
    """One Python process, whose lines are read; see `marskit.system.processes` for how it never outlives us.

    Its standard input ends with us as well, and what it complains about goes to a file that goes with it.
    """

    def __init__(self, name: str, arguments: Sequence[str]) -> None:
        """Prepare `python` with these arguments; `name` is what it is called."""
        self._name = name
        self._arguments = tuple(arguments)
        self._folder = scratch_path(f"marskit-{name}-")
        self._children = Children(scratch=self._folder)
        self.child: Child | None = None
        """The process, once it was started."""

    async def lines(self) -> AsyncGenerator[str]:
        """Start it and yield its lines until it closes its output. On one event loop, and once.

        Whoever iterates closes it (`contextlib.aclosing`), which ends the process.
        """
        read_end, write_end = os.pipe()
        lives, life = os.pipe()
        reader = asyncio.StreamReader(limit=_MOST_BYTES)
        pipe = os.fdopen(read_end, "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            try:
                self._children.make_scratch()
                self.child = await self._children.spawn(
                    self._name,
                    (sys.executable, *self._arguments),
                    env=os.environ | {"PYTHONPATH": python_path()},
                    cwd=Path.cwd(),
                    log=self._folder / f"{self._name}.log",
                    stdin=lives,
                    stdout=write_end,
                )
            finally:
                os.close(lives)
                os.close(write_end)
            async for line in reader:
                yield line.decode()
            await self.child.wait()
        finally:
            transport.close()
            os.close(life)
            await self._children.close(grace_s=0.0)

    def complaint(self) -> str | None:
        """The last line that it wrote to its standard error, while its lines are read or just were."""
        assert self.child is not None
        said = self.child.log.read_text(errors="replace").strip().splitlines()
        return said[-1] if said else None
