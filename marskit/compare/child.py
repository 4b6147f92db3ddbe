"""A comparison in a child process, told as lines of JSON, so that no notebook has to run it itself."""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from marskit.compare.jobs import Measured
from marskit.errors import UserError
from marskit.knowledge.format.codec import CodecError, dumps, loads
from marskit.system.line_child import LineChild

GRACE_S = 5.0
"""Time in which the child ends its runs when it is told to, in seconds."""


class CompareError(UserError):
    """A comparison without a result; one sentence says why."""


@dataclass(frozen=True, slots=True)
class Ended:
    """One run has ended."""

    name: str
    of: int
    """The number of all runs."""
    measured: Measured | None
    reason: str = ""
    """Why it could not be measured."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence about the whole comparison."""

    sentence: str


Told = Ended | Remark


def line_of(told: Told) -> str:
    """The message as one line of JSON."""
    return dumps(told, Told)


async def comparison(arguments: Sequence[str], tell: Callable[[Told], None]) -> None:
    """Run `marskit compare --json` and pass on what it tells.

    Raises:
        CompareError: It ended early; the message is the child's own.
    """
    child = LineChild("compare", ("-m", "marskit", "compare", "--json", *arguments), grace_s=GRACE_S)
    async with aclosing(child.lines()) as lines:
        async for line in lines:
            if (told := _told(line)) is not None:
                tell(told)
    code = child.child.returncode if child.child is not None else None
    # With code 1, some runs failed, and each of them has said so.
    if code not in (0, 1):
        said = child.complaint or f"The comparison ended with code {code}."
        raise CompareError(said.removeprefix("marskit: "))


def _told(line: str) -> Told | None:
    """The message in the line; None if `line_of` did not write it: libraries print as well."""
    try:
        told: Told = loads(line, Told)
    except CodecError:
        return None
    return told
