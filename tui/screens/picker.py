"""The question behind a key: a list of commands to choose from."""

from collections.abc import Mapping

from marskit.domain.commands import Command
from marskit.tui.screens.finder import Finder
from marskit.views.find import Entry
from marskit.views.meaning import Prompt


class Picker(Finder[Command]):
    """Returns the command of the chosen option, or None."""

    def __init__(
        self, question: Prompt, summaries: Mapping[str, str] | None = None, *, at: str | None = None
    ) -> None:
        """Ask `question`, with a summary beside each option that has one, and `at` selected."""
        self.question = question
        entries = [
            Entry(
                option.label,
                option.command,
                ": ".join(part for part in (option.note, (summaries or {}).get(option.label, "")) if part),
            )
            for option in question.options
        ]
        labels = [option.label for option in question.options]
        first = labels.index(at) if at in labels else question.preselected
        super().__init__(question.title, entries, highlighted=first)
