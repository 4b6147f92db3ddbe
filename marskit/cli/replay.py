"""`marskit replay`: steps through a recorded run on the screen, prints it, or branches it."""

import argparse
import json
import sys
from typing import TYPE_CHECKING

from marskit.assembly.settings import ENGINES, Settings
from marskit.cli.options import (
    OptionError,
    add_mesh,
    add_run_name,
    add_runs,
    completes,
    manifest_arguments,
    planner_names,
)
from marskit.cli.terminal import add_screen, check_terminal

if TYPE_CHECKING:
    from marskit.replay.branched import Branched
    from marskit.replay.timeline import Timeline


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and options."""
    add_run_name(parser)
    parser.add_argument("--at", type=int, metavar="CYCLE", help="begin at this cycle")
    completes(
        parser.add_argument(
            "--branch",
            metavar="PLANNER",
            help="with --headless: let this planner decide from --at on, in the twin",
        ),
        planner_names,
    )
    parser.add_argument("--cycles", type=int, metavar="N", help="with --branch: stop after N cycles")
    parser.add_argument(
        "--hashes", action="store_true", help="with --headless: print the state's hash at each step"
    )
    parser.add_argument("--headless", action="store_true", help="print the run instead of showing it")
    parser.add_argument("--json", action="store_true", help="with --headless: print NDJSON")
    parser.add_argument("--engine", choices=ENGINES, help="the twin's engine in a branch (default: requests)")
    add_mesh(parser)
    add_runs(parser)
    add_screen(parser)


def run(parsed: argparse.Namespace) -> int:
    """Show, print or branch the run.

    Raises:
        OptionError: Options cannot be combined.
        UserError: The run cannot be found, read, replayed or branched.
    """
    from marskit.knowledge.read.runs import find_run

    for name, needs in (("hashes", "headless"), ("json", "headless"), ("branch", "headless")):
        if getattr(parsed, name) and not getattr(parsed, needs):
            raise OptionError(f"--{name} needs --{needs}")
    if parsed.cycles is not None and (parsed.branch is None or parsed.cycles < 2):
        raise OptionError("--cycles goes with --branch and must be 2 or more")
    if parsed.branch is not None and (parsed.at is None or parsed.hashes):
        raise OptionError("--branch needs --at CYCLE and cannot be combined with --hashes")
    run = find_run(parsed.runs, parsed.name)
    if not parsed.headless:
        return _screen(parsed, run)
    from marskit.branching.read import read_timeline

    timeline = read_timeline(parsed.runs, run, parsed.at)
    for sentence in timeline.notes:
        print(f"marskit: {sentence}", file=sys.stderr)
    if parsed.branch is not None:
        return _branch(parsed, timeline)
    _tell(parsed, timeline)
    return 0


def _screen(parsed: argparse.Namespace, run: str) -> int:
    check_terminal("run --headless")
    from marskit.branching.child import BranchChild
    from marskit.branching.read import read_timeline
    from marskit.system.signals import first_signal
    from marskit.tui.looks import Looks
    from marskit.tui.replay_app import run_replay

    signals: list[int] = []
    with first_signal(signals.append):
        return run_replay(
            lambda tell: read_timeline(parsed.runs, run, parsed.at, tell),
            BranchChild(run, _twin_arguments(parsed)),
            cycle=parsed.at,
            signals=signals,
            looks=Looks(parsed.theme, parsed.calm),
        )


def _twin_arguments(parsed: argparse.Namespace) -> tuple[str, ...]:
    """The arguments that give a branch its twin."""
    given = {"--mapping": parsed.mapping, "--card": parsed.card, "--engine": parsed.engine}
    options = [part for name, value in given.items() if value is not None for part in (name, str(value))]
    return ("--runs", str(parsed.runs), *options, *manifest_arguments(parsed.manifests, parsed.layers))


def _tell(parsed: argparse.Namespace, timeline: "Timeline") -> None:
    """Print the events from the given cycle on, as a story, as JSON or with their hashes."""
    first = 1 if parsed.at is None else timeline.begin_of(parsed.at) or 1
    if parsed.hashes:
        for step in range(first, len(timeline) + 1):
            told = type(timeline.events[step - 1]).__name__, timeline.hash_at(step)
            at_s = timeline.times_s[step]
            if parsed.json:
                print(json.dumps({"step": step, "at_s": at_s, "event": told[0], "hash": told[1]}))
            else:
                print(f"{step:>7}  {at_s:>10.3f} s  {told[1]}  {told[0]}")
        return
    from rich.console import Console

    from marskit.console.tellers import JsonTeller, StoryTeller

    teller = JsonTeller(sys.stdout) if parsed.json else StoryTeller(Console(), parsed.runs)
    for step, event in enumerate(timeline.events, 1):
        # The first event describes the run, which the story always needs.
        if step >= first or (step == 1 and not parsed.json):
            teller.tell(event)


def _branch(parsed: argparse.Namespace, timeline: "Timeline") -> int:
    from marskit.branching.child import BranchProgress, line_of
    from marskit.branching.course import branch
    from marskit.branching.past import past

    settings = Settings(
        mesh="twin",
        manifests=tuple(parsed.manifests),
        layers=tuple(parsed.layers),
        mapping=parsed.mapping,
        card=parsed.card,
        engine=parsed.engine or ENGINES[0],
        runs=parsed.runs,
    )

    def progress(planner: str, done: int, of: int) -> None:
        if parsed.json:
            print(line_of(BranchProgress(planner, done, of)), flush=True)

    left = past(timeline, parsed.at)
    branched = branch(timeline, left, parsed.branch, settings, cycles=parsed.cycles, progress=progress)
    if parsed.json:
        print(line_of(branched), flush=True)
        return 0
    _print(branched)
    return 0


def _print(branched: "Branched") -> None:
    """Print the figures of all branches and what they mean."""
    from rich.console import Console
    from rich.table import Table

    from marskit.views.branch import branch_view

    view, console = branch_view(branched), Console()
    table = Table(*view.figures.columns, title=view.title, title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in view.figures.rows:
        table.add_row(*(cell.text for cell in row))
    console.print(table)
    for sentence in (*view.words, f"Recorded as runs {branched.branch.run} and {branched.control.run}."):
        console.print(sentence, highlight=False, soft_wrap=True)
