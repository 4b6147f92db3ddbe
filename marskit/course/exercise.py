"""What an exercise consists of."""

from dataclasses import dataclass

from marskit.course.judging import Judge


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise."""

    judge: Judge
    hint: str
    section: str
    """The heading of the section in its notebook that explains it."""
    lesson: str
    """One sentence to take home, said with the right answer."""
