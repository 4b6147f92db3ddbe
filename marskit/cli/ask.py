"""`marskit ask`: answers a named question from all recorded runs, as a table or as NDJSON."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marskit.cli.options import OptionError, add_runs

if TYPE_CHECKING:
    from marskit.knowledge.questions.catalogue import Asked, Question

_ENDS = ("_low", "_high")
Row = Mapping[str, Any]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and options."""
    parser.add_argument(
        "question", nargs="?", metavar="QUESTION", help="a question; without it, list the questions"
    )
    parser.add_argument("about", nargs="?", metavar="RUN", help="with `similar`: a run's id, or `last`")
    parser.add_argument("--cycle", type=int, metavar="N", help="with `similar`: the cycle of that run")
    parser.add_argument("--by", metavar="WHAT", help="with `slo` and `baselines`: group rows by this")
    parser.add_argument("--of", metavar="WHAT", help="with `baselines`: services, workloads or edges")
    parser.add_argument(
        "--run", dest="only", action="append", metavar="RUN", help="only this run; may be given repeatedly"
    )
    parser.add_argument("--json", action="store_true", help="print NDJSON, one row per line")
    add_runs(parser)


def run(parsed: argparse.Namespace) -> int:
    """Answer the question, or list the questions.

    Raises:
        OptionError: The question does not exist, or does not take these options.
        KnowledgeError: The run does not exist, or the runs cannot be read.
    """
    from marskit.knowledge.questions.catalogue import QUESTIONS

    if parsed.question is None:
        for name, question in QUESTIONS.items():
            print(f"{name:<10} {question.summary}")
        return 0
    if parsed.question not in QUESTIONS:
        raise OptionError(f"There is no question {parsed.question!r}; choose one of {', '.join(QUESTIONS)}")
    question = QUESTIONS[parsed.question]
    rows, damaged = _rows(question, _asked(parsed, question), parsed.runs)
    for sentence in damaged:
        print(f"marskit: {sentence}", file=sys.stderr)
    if parsed.json:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False, allow_nan=False))
    elif rows:
        _show(rows, question.columns)
    else:
        print("The recorded runs hold no data for this question.", file=sys.stderr)
    return 0


def _asked(parsed: argparse.Namespace, question: "Question") -> "Asked":
    from marskit.knowledge.port import KnowledgeError
    from marskit.knowledge.questions.catalogue import Asked
    from marskit.knowledge.read.runs import find_run
    from marskit.knowledge.storage.store import open_store

    for option in ("by", "of"):
        value, allowed = getattr(parsed, option), getattr(question, option)
        if value is not None and value not in allowed:
            among = f"allowed are {', '.join(allowed)}" if allowed else "this question has no such choice"
            raise OptionError(f"--{option} is {value!r}; {among}")
    if question.about_a_cycle != (parsed.about is not None) or question.about_a_cycle != (
        parsed.cycle is not None
    ):
        needs = "needs a RUN and --cycle" if question.about_a_cycle else "takes neither a RUN nor --cycle"
        raise OptionError(f"`ask {parsed.question}` {needs}")
    if not open_store(parsed.runs).runs():
        raise KnowledgeError(f"{parsed.runs} contains no runs.")
    only = parsed.only and tuple(dict.fromkeys(find_run(parsed.runs, name) for name in parsed.only))
    about = find_run(parsed.runs, parsed.about) if question.about_a_cycle else ""
    return Asked(runs=only, by=parsed.by, of=parsed.of, run=about, cycle=parsed.cycle or 0)


def _rows(
    question: "Question", asked: "Asked", root: str | Path
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """The rows, with null for NaN, and one sentence for each file that could not be read."""
    import polars as pl

    from marskit.knowledge.port import KnowledgeError
    from marskit.knowledge.read.dataset import Dataset

    dataset = Dataset(root)
    try:
        answer = question.answer(dataset, asked).collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).split("\n", 1)[0].rstrip(".")
        raise KnowledgeError(f"{root}: the recorded runs cannot be read ({first}).") from error
    return answer.with_columns(pl.selectors.float().fill_nan(None)).to_dicts(), dataset.damaged


def _show(rows: Sequence[Row], meanings: Mapping[str, str]) -> None:
    """Print a table, or a paragraph per row if that is too wide; intervals follow their values."""
    from rich.console import Console
    from rich.table import Table

    names = [name for name in rows[0] if not name.endswith(_ENDS)]
    cells = [[_cell(row, name) for name in names] for row in rows]
    width = sum(max(len(name), *(len(row[at]) for row in cells)) + 3 for at, name in enumerate(names)) + 1
    console = Console()
    if not console.is_terminal:
        # A file has no width limit.
        console = Console(width=max(width, console.width))
    if width <= console.width:
        table = Table()
        for name in names:
            table.add_column(
                name, justify="left" if isinstance(rows[0][name], str) else "right", no_wrap=True
            )
        for row in cells:
            table.add_row(*row)
        console.print(table)
        for name in names:
            console.print(f"[dim]{name:<28} {meanings[name]}[/]", highlight=False)
        return
    for row in cells:
        for name, cell in zip(names, row, strict=True):
            console.print(f"{name:<28} [bold]{cell:<28}[/] [dim]{meanings[name]}[/]", highlight=False)
        console.print()


def _cell(row: Row, name: str) -> str:
    low, high = (row.get(f"{name}{end}") for end in _ENDS)
    interval = "" if low is None or high is None else f" ({_text(low)} to {_text(high)})"
    return f"{_text(row[name])}{interval}"


def _text(value: object) -> str:
    from marskit.text import NOTHING

    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    # Without a sign where nothing but zeros is left of the number.
    return f"{round(value, 2) + 0.0:,.2f}" if isinstance(value, float) else str(value)
