"""`marskit.check`: is that the right answer?"""

from dataclasses import dataclass

from marskit.course.exercises import EXERCISES
from marskit.course.judging import CheckError
from marskit.pictures.bundle import of_document
from marskit.views.document import Sentence
from marskit.views.tone import SYMBOLS, Tone

TELLS_SECTION = 3
"""The wrong answer to one exercise from which on the section to read is named."""
_wrong: dict[str, int] = {}
"""The wrong answers to each exercise since the last right one, in this process."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether an answer is right, in words."""

    exercise: str
    right: bool
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        tone = Tone.OK if self.right else Tone.WARN
        return str(of_document((Sentence(self.text, tone, SYMBOLS[tone]),))["text/html"])


def check(exercise: str, answer: object) -> Checked:
    """Check the answer to an exercise of the course against the same seeded run, made now on the twin.

    >>> import marskit as mk
    >>> mk.check("04.1", "orders").right
    False

    Args:
        exercise: Its number, such as `04.2`.
        answer: A number, a name, a set, a function or a planner, as the exercise says.

    Raises:
        CheckError: There is no such exercise, or the answer is of another type.
    """
    found = EXERCISES.get(str(exercise))
    if found is None:
        raise CheckError(f"There is no exercise {exercise!r}; choose one of {', '.join(sorted(EXERCISES))}.")
    remark = found.judge(answer)
    if remark is None:
        _wrong.pop(exercise, None)
        return Checked(exercise, True, f"{exercise} is right. {found.lesson}")
    _wrong[exercise] = _wrong.get(exercise, 0) + 1
    said = " ".join(part for part in (f"{exercise} is not right yet.", remark, f"Hint: {found.hint}") if part)
    if _wrong[exercise] >= TELLS_SECTION:
        said += f" Read the section “{found.section}” again."
    return Checked(exercise, False, said)
