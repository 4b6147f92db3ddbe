"""A Python child process of marskit's own code whose output is read line by line."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from pathlib import Path

from marskit.system.import_root import python_path
from marskit.system.processes import Child, Children, scratch_path

_MOST_BYTES = 2**24
"""Longest line that is read, in bytes: a branch of a day takes a few megabytes."""


class LineChild:
    """One Python process whose output is read line by line.

    It ends with this process, however that ends: `marskit.system.processes` ends it, and its standard input
    is a pipe that closes then.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], *, niceness: int = 0, grace_s: float = 0.0
    ) -> None:
        """Prepare `python ARGUMENTS...`.

        Args:
            name: The name of the process in messages and of its log.
            arguments: Arguments for Python.
            niceness: Its nice value; higher ones give way to other processes.
            grace_s: Time to clean up after SIGTERM when the generator is closed, in seconds.
        """
        self._name = name
        self._arguments = tuple(arguments)
        self._niceness = niceness
        self._grace_s = grace_s
        self._folder = scratch_path(f"marskit-{name}-")
        self._children = Children(scratch=self._folder)
        self.child: Child | None = None
        """The process; None before it is started."""
        self.complaint: str | None = None
        """Last line of its standard error; None until it has ended, or if there is none."""

    async def lines(self) -> AsyncGenerator[str]:
        """Start the process and yield its lines until it has ended; call this once.

        Closing the generator ends the process, so iterate it within `contextlib.aclosing`.
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
