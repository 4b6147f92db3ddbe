"""The base of all errors that a user can correct; every other exception is a fault of the program."""

from dataclasses import dataclass
from pathlib import Path


class UserError(Exception):
    """A file, an option, a name or the environment is not as required.

    The message is one sentence: what was found, where, and what is allowed.
    """

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows in place of a traceback, which says nothing about such an error."""
        return [str(self)]


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong in a file of the user's."""

    sentence: str
    """Which field, what was found, and what is allowed."""
    file: Path | None = None
    """None: it is in no single file."""
    line: int | None = None
    """From 1; None: the line is not known."""

    def __str__(self) -> str:
        """The sentence preceded by its place, on one line whatever the file contains."""
        sentence = "".join(letter if letter.isprintable() else "?" for letter in self.sentence)
        if self.file is None:
            return sentence
        return f"{self.file}: {sentence}" if self.line is None else f"{self.file}:{self.line}: {sentence}"


class InputError(UserError):
    """Files that a user gave are wrong; the message has one sentence a line."""

    def __init__(self, *complaints: Complaint | str) -> None:
        """Take a complaint without a place as a string."""
        self.complaints = tuple(Complaint(each) if isinstance(each, str) else each for each in complaints)
        super().__init__("\n".join(map(str, self.complaints)))
