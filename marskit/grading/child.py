"""A grading in a child process, told as lines of JSON, so that no notebook or script has to run it itself."""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from marskit.errors import UserError
from marskit.grading.card import ScoreCard
from marskit.knowledge.format.codec import CodecError, dumps, loads
from marskit.system.line_child import LineChild

GRACE_S = 5.0
"""Time in which the child ends its runs when it is told to, in seconds."""


class GradeError(UserError):
    """A grading that cannot be done; one sentence says why."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run has ended."""

    planner: str
    of: int
    """The number of all runs."""


Told = Ran | ScoreCard


def line_of(told: Told) -> str:
    """The message as one line of JSON."""
    return dumps(told, Told)


async def grading(arguments: Sequence[str], tell: Callable[[Told], None]) -> None:
    """Run `marskit grade --json` and pass on what it tells.

    Raises:
        GradeError: It ended early; the message is the child's own.
    """
    child = LineChild("grade", ("-m", "marskit", "grade", "--json", *arguments), grace_s=GRACE_S)
    async with aclosing(child.lines()) as lines:
        async for line in lines:
            if (told := _told(line)) is not None:
                tell(told)
    code = child.child.returncode if child.child is not None else None
    # With code 1, a planner failed, and its card says so.
    if code not in (0, 1):
        said = child.complaint or f"The grading ended with code {code}."
        raise GradeError(said.removeprefix("marskit: "))


def _told(line: str) -> Told | None:
    """The message in the line; None if `line_of` did not write it: libraries print as well."""
    try:
        told: Told = loads(line, Told)
    except CodecError:
        return None
    return told
