"""A branch in a child process, so that no screen waits for it; it ends with this process."""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from marskit.knowledge.format.codec import CodecError, dumps, loads
from marskit.replay.branched import Branched, ReplayError
from marskit.system.line_child import LineChild

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class BranchProgress:
    """How far a branch is."""

    planner: str
    done: int
    of: int


Told = BranchProgress | Branched


def line_of(told: Told) -> str:
    """How far it is, or what came of it, as one line of JSON."""
    return dumps(told, Told)


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
        command = ("replay", self._run, "--headless", "--json", "--branch", planner, "--at", str(cycle))
        child = LineChild("branch", ("-m", "marskit", *command, *self._arguments))
        found: Branched | None = None
        async with aclosing(child.lines()) as lines:
            async for line in lines:
                match _told(line):
                    case BranchProgress(planner, done, of):
                        tell(planner, done, of)
                    case Branched() as branched:
                        found = branched
                    case None:
                        pass
        if found is None:
            code = child.child.returncode if child.child is not None else None
            said = child.complaint or f"The branch ended with code {code}."
            raise ReplayError(said.removeprefix("marskit: "))
        return found


def _told(line: str) -> Told | None:
    """The message in the line; None if `line_of` did not write it: libraries print as well."""
    try:
        told: Told = loads(line, Told)
    except CodecError:
        return None
    return told
