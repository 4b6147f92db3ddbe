"""Shows the training in a child process, with a bar and a row per evaluation."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing, nullcontext
from signal import SIGINT

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from marskit.domain.training import Evaluated, Judged, Saved, Stage, TrainingState, Update, advance
from marskit.system import exit_codes
from marskit.system.signals import ending_signals
from marskit.training.child import TrainingChild, TrainingFailed, encode
from marskit.views.tone import Tone
from marskit.views.training import COLUMNS, EXPLANATION, card_rows, left, row, tone_of, training_view

_WIDTHS = (6, 11, 10, 8, 9, 10, 11, 9)
_STYLES = {Tone.OK: "green"}


def train(arguments: Sequence[str], *, as_json: bool) -> tuple[int, str | None]:
    """Run a training with the arguments of `marskit.training`; the exit code, and the error if it failed.

    Ctrl-C ends it early and keeps the best policy so far; a second Ctrl-C ends it at once.
    """
    screen = None if as_json else _Screen()
    tell = screen.tell if screen is not None else lambda update: print(encode(update), flush=True)
    with screen.bar if screen is not None else nullcontext():
        return asyncio.run(_follow(TrainingChild(arguments), tell))


async def _follow(child: TrainingChild, tell: Callable[[Update], None]) -> tuple[int, str | None]:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    received: list[int] = []

    def signalled(number: int) -> None:
        if received:
            task.cancel()
        received.append(number)
        child.stop()

    for number in ending_signals():
        loop.add_signal_handler(number, signalled, number)
    try:
        async with aclosing(child.updates()) as updates:
            async for update in updates:
                tell(update)
    except TrainingFailed as failure:
        code = exit_codes.of_signal(received[0]) if received else max(exit_codes.FAILED, failure.exit_code)
        return code, str(failure)
    except asyncio.CancelledError:
        return exit_codes.of_signal(received[-1]), None
    # Ctrl-C means "enough"; any other signal asks the program to end.
    return (exit_codes.of_signal(received[0]) if received and received[0] != SIGINT else 0), None


class _Screen:
    """A bar with the remaining time, and above it a row per evaluation."""

    def __init__(self) -> None:
        self._console = Console()
        columns = (TextColumn("{task.description}"), BarColumn(40), TaskProgressColumn())
        self.bar = Progress(
            *columns,
            TextColumn("{task.fields[left]}"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._state = TrainingState(Stage.LOADING)
        self._task = self.bar.add_task("loading", total=None, left="")

    def tell(self, update: Update) -> None:
        """Show an update."""
        if isinstance(update, Evaluated) and not self._state.evaluations:
            # Not earlier: the child may still refuse its arguments.
            self._console.print(f"{EXPLANATION}\n")
            self._console.print(_line(COLUMNS[1:]), style="bold")
        self._state = advance(self._state, update)
        view = training_view(self._state)
        self.bar.update(self._task, total=1.0, completed=view.share, description="learning", left=left(view))
        if isinstance(update, Evaluated):
            cells = [cell.text for cell in row("", update)[1:]]
            self._console.print(_line(cells), style=_STYLES.get(tone_of(update), ""), highlight=False)
        elif isinstance(update, Judged):
            self.bar.stop()
            self._console.print(f"\n{update.sentence}", highlight=False)
        elif isinstance(update, Saved):
            self.bar.stop()
            title = f"\nThe best policy, saved as {update.saved}"
            table = Table(title=title, show_header=False, title_justify="left")
            for name, value in card_rows(update.card):
                table.add_row(name, value)
            self._console.print(table)


def _line(cells: Sequence[str]) -> str:
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, _WIDTHS, strict=True))
