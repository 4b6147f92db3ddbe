"""What a person's wish comes to: a command, a question to answer first, or a refusal."""

from dataclasses import dataclass

from marskit.domain.commands import Command

NOT_BEGUN = "The run has not started yet."


@dataclass(frozen=True, slots=True)
class Option:
    """One choice."""

    label: str
    note: str
    command: Command


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to answer before there is a command."""

    title: str
    options: tuple[Option, ...]
    preselected: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the key has no effect now."""

    sentence: str
    needs_workload: bool = False
    """Whether a workload must be selected first, which each front end explains in its own way."""


SELECT_FIRST = Refusal("Select a workload in the mesh first.", needs_workload=True)
Meaning = Command | Prompt | Refusal
