"""The training's child process seen from outside: started, told to stop, and never left behind."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from signal import SIGTERM
from typing import Any

from marskit.demo import IMPORT_ROOT
from marskit.domain.training import KINDS, Update
from marskit.system.processes import Child, Children, scratch_path

NICENESS = 10
"""Training takes a whole core: a mesh on the same machine goes first."""
# The same code in the child, from whatever folder it is started.
_PATHS = (str(IMPORT_ROOT), os.environ.get("PYTHONPATH"))


class TrainingFailed(Exception):
    """The child ended without a policy file, with one sentence saying why."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def missing() -> str | None:
    """What must be installed before anything can be trained, in one sentence; None when all is there."""
    if find_spec("stable_baselines3") is None or find_spec("torch") is None:
        return "Training needs the extra rl: pip install 'marskit[rl]'"
    return None


def encode(update: Update) -> str:
    """One line of JSON, its `kind` first."""
    kind = next(name for name, each in KINDS.items() if isinstance(update, each))
    return json.dumps({"kind": kind} | {each.name: getattr(update, each.name) for each in fields(update)})


def decode(line: str) -> Update | None:
    """What the line says; None when it was not written by `encode`: libraries also print."""
    if not line.startswith('{"kind": '):
        return None
    told: dict[str, Any] = json.loads(line)
    return KINDS[told.pop("kind")](**told)


class TrainingChild:
    """One training in a process of its own.

    It ends with this process however that ends: by the nets of `marskit.system.processes`, and by the pipe
    that is its standard input.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        """Prepare a training with the arguments of `marskit.training`."""
        self._arguments = tuple(arguments)
        self._folder = scratch_path("marskit-train-")
        self._children = Children(scratch=self._folder)
        self._child: Child | None = None
        self._stopped = False
        self._life = -1

    async def updates(self) -> AsyncGenerator[Update]:
        """Start it and yield what it tells until it has ended. On one event loop, and once.

        Raises:
            TrainingFailed: It ended without a policy file.
        """
        read_end, write_end = os.pipe()
        reader = asyncio.StreamReader()
        pipe = os.fdopen(read_end, "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            child = await self._start(write_end)
            async for line in reader:
                if (update := decode(line.decode())) is not None:
                    yield update
            if code := await child.wait():
                raise TrainingFailed(self._complaint(child, code), code)
        finally:
            transport.close()
            await self._close()

    def stop(self) -> None:
        """Let it end early: it saves the best policy so far, if it has begun to learn."""
        self._stopped = True
        if self._child is not None:
            self._child.signal(SIGTERM)

    async def _close(self) -> None:
        if self._life != -1:
            os.close(self._life)
        await self._children.close(grace_s=0.0)

    async def _start(self, output: int) -> Child:
        lives, self._life = os.pipe()
        try:
            self._children.make_scratch()
            self._child = await self._children.spawn(
                "training",
                (sys.executable, "-m", "marskit.training", *self._arguments),
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, _PATHS))},
                cwd=Path.cwd(),
                log=self._folder / "training.log",
                stdin=lives,
                stdout=output,
            )
        finally:
            os.close(lives)
            os.close(output)
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self._child.pid, NICENESS)
        if self._stopped:
            self._child.signal(SIGTERM)
        return self._child

    def _complaint(self, child: Child, code: int) -> str:
        if self._stopped and code == -SIGTERM:
            return "It was stopped before anything was learned."
        said = child.log.read_text(errors="replace").strip().splitlines()
        return said[-1] if said else f"The training ended with code {code}."
