"""A child process of our own code that prints what it does, a line at a time."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from pathlib import Path

from marskit.system.import_root import python_path
from marskit.system.processes import Child, Children, scratch_path

_MOST_BYTES = 2**24
"""The longest line that is read: a branch of a day is a few megabytes."""


class LineChild:
    """One Python process whose lines are read.

    It ends with this process however that ends: by the nets of `marskit.system.processes`, and by the pipe
    that is its standard input.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], *, niceness: int = 0, grace_s: float = 0.0
    ) -> None:
        """Prepare `python ARGUMENTS...`.

        Args:
            name: What the process is called.
            arguments: Of Python.
            niceness: How far it stands back behind other processes.
            grace_s: How long it may clean up after SIGTERM when its lines are no longer wanted.
        """
        self._name = name
        self._arguments = tuple(arguments)
        self._niceness = niceness
        self._grace_s = grace_s
        self._folder = scratch_path(f"marskit-{name}-")
        self._children = Children(scratch=self._folder)
        self.child: Child | None = None
        """The process, once it was started."""
        self.complaint: str | None = None
        """Once it has ended, the last line that it wrote to its standard error."""

    async def lines(self) -> AsyncGenerator[str]:
        """Start it and yield its lines until it has ended. On one event loop, and once.

        Closing the generator ends the process, so it is iterated within `contextlib.aclosing`.
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
                child = await self._start(lives, write_end)
            finally:
                os.close(lives)
                os.close(write_end)
            async for line in reader:
                yield line.decode()
            await child.wait()
            said = child.log.read_text(errors="replace").strip().splitlines()
            self.complaint = said[-1] if said else None
        finally:
            transport.close()
            os.close(life)
            await self._children.close(grace_s=self._grace_s)

    async def _start(self, stdin: int, stdout: int) -> Child:
        self._children.make_scratch()
        self.child = await self._children.spawn(
            self._name,
            (sys.executable, *self._arguments),
            env=os.environ | {"PYTHONPATH": python_path()},
            cwd=Path.cwd(),
            log=self._folder / f"{self._name}.log",
            stdin=stdin,
            stdout=stdout,
        )
        if self._niceness:
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self.child.pid, self._niceness)
        return self.child
