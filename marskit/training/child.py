"""The training's child process, seen from its parent: started, stopped, and never left behind."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from importlib.util import find_spec
from signal import SIGTERM

from marskit.domain.training import Update
from marskit.knowledge.format.codec import CodecError, dumps, loads
from marskit.system.line_child import LineChild

NICENESS = 10
"""Niceness of the child: training takes a whole core, and a mesh on the same machine goes first."""


class TrainingFailed(Exception):
    """The child ended without a policy file; one sentence says why."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def missing() -> str | None:
    """What must be installed before training, in one sentence; None if nothing is missing."""
    if find_spec("stable_baselines3") is None or find_spec("torch") is None:
        return "Training needs the extra rl: pip install 'marskit[rl]'"
    return None


def encode(update: Update) -> str:
    """One line of JSON."""
    return dumps(update, Update)


def decode(line: str) -> Update | None:
    """The update in the line; None if there is none, because libraries print as well."""
    try:
        update: Update = loads(line, Update)
    except CodecError:
        return None
    return update


class TrainingChild:
    """One training in a process of its own."""

    def __init__(self, arguments: Sequence[str]) -> None:
        """Prepare a training with the arguments of `marskit.training`."""
        self._child = LineChild("training", ("-m", "marskit.training", *arguments), niceness=NICENESS)
        self._stopped = False

    async def updates(self) -> AsyncGenerator[Update]:
        """Start it and yield its updates until it has ended. On one event loop, and once.

        Raises:
            TrainingFailed: It ended without a policy file.
        """
        child = self._child
        async with aclosing(child.lines()) as lines:
            async for line in lines:
                if (update := decode(line)) is not None:
                    yield update
        code = child.child.returncode if child.child is not None else None
        if code:
            raise TrainingFailed(self._complaint(code), code)

    def stop(self) -> None:
        """Stop it early: it saves the best policy so far, if it has begun to learn."""
        self._stopped = True
        if self._child.child is not None:
            self._child.child.signal(SIGTERM)

    def _complaint(self, code: int) -> str:
        if self._stopped and code == -SIGTERM:
            return "The training was stopped before anything was learned."
        return self._child.complaint or f"The training ended with code {code}."
