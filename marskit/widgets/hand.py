"""What a person does in a panel, carried out: commands, questions with their answers, and refusals."""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from marskit.domain.commands import Command
from marskit.domain.state import State
from marskit.views.controls import Intent
from marskit.views.intents import resolve_intent
from marskit.views.meaning import Option, Prompt, Refusal
from marskit.widgets.choice import Choice
from marskit.widgets.source import Source

_VERDICTS = (Intent.APPROVE, Intent.REJECT)


class Hand:
    """Turns wishes into commands; one of each dashboard."""

    def __init__(self, source: Source, choice: Choice, changed: Callable[[], None]) -> None:
        """`changed` is called whenever the question or the notice has changed."""
        self._source = source
        self._choice = choice
        self._changed = changed
        self.question: Prompt | None = None
        """What is asked now."""
        self.notice = ""
        """Why the newest wish was refused; empty if it was not."""

    def do(self, wish: str, drawn: State) -> None:
        """Carry out a wish; a verdict is about the plan that was drawn."""
        self.question, self.notice = None, ""
        intent = Intent(wish)
        state = drawn if intent in _VERDICTS else self._source.state
        meant = resolve_intent(intent, state, workload=self._choice.workload, factor=_factor(state))
        if isinstance(meant, Prompt):
            self.question = meant
        elif isinstance(meant, Refusal):
            self.notice = meant.sentence
        else:
            self._submit(meant)
        self._changed()

    def answer(self, number: int) -> None:
        """Carry out the option of the question; any other number takes the question back."""
        question, self.question = self.question, None
        if question is not None and 0 <= number < len(question.options):
            self._submit(question.options[number].command)
        self._changed()

    @property
    def options(self) -> tuple[Option, ...]:
        """The options of the question."""
        return self.question.options if self.question is not None else ()

    def _submit(self, command: Command) -> None:
        self._source.submit(command).add_done_callback(partial(self._told, command))

    def _told(self, command: Command, future: "Future[None]") -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self.notice = str(error) or type(command).__name__
            self._changed()


def _factor(state: State) -> float:
    """The factor on the load that the generator reports."""
    load = state.observation.load if state.observation is not None else None
    return load.factor if load is not None else 1.0
