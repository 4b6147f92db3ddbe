"""`marskit train`: starts the training in a child process and shows how it comes along."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

COLUMNS = (
    ("time", 6),
    ("steps", 11),
    ("violated", 10),
    ("HPA*", 8),
    ("demand*", 9),
    ("replicas", 10),
    ("utility/s", 11),
    ("reward", 9),
)


def train(arguments: Sequence[str], *, as_json: bool) -> tuple[int, str | None]:
    """Run a training with the arguments of `marskit.training`; exit code, and a complaint if it failed.

    Ctrl-C ends it early; the best policy so far is kept.
    """
    # Both get Ctrl-C from the terminal; the child answers it by saving, and we wait for that.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "marskit.training", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None
            assert child.stderr is not None
            lines = (line for line in child.stdout if line.startswith("{"))
            if as_json:
                for line in lines:
                    print(line, end="", flush=True)
            else:
                _show(lines)
            complaints = child.stderr.read().strip().splitlines()
    finally:
        signal.signal(signal.SIGINT, before)
    return child.returncode, (complaints[-1] if child.returncode and complaints else None)


def _show(lines: Iterator[str]) -> None:
    console = Console()
    console.print(
        "Periods that violate the objective, on loads it is never trained on, and those of the tuned\n"
        "rules with as many replicas (*).\n"
    )
    console.print("".join(f"{name:>{width}}" for name, width in COLUMNS), style="bold")
    for line in lines:
        told = json.loads(line)
        if "saved" in told:
            _show_card(console, told["card"], Path(told["saved"]))
            return
        better = told["violated_percent"] < min(told["hpa_violated_percent"], told["demand_violated_percent"])
        cells = (
            f"{told['seconds']:.0f} s",
            f"{told['steps']:,}",
            f"{told['violated_percent']:.2f} %",
            f"{told['hpa_violated_percent']:.2f} %",
            f"{told['demand_violated_percent']:.2f} %",
            f"{told['replicas']:.2f}",
            f"{told['utility_per_s']:.2f}",
            f"{told['reward']:.4f}",
        )
        row = "".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, COLUMNS, strict=True))
        console.print(row, style="green" if better else "", highlight=False)


def _show_card(console: Console, card: dict[str, Any], path: Path) -> None:
    table = Table(title=f"\nThe best policy, saved as {path}", show_header=False, title_justify="left")
    scores = card["evaluation"]
    low, high = scores["violated_percent_95"]
    table.add_row("violated periods", f"{scores['violated_percent']} % (95 %: {low} to {high})")
    table.add_row(
        "with as many replicas",
        f"tuned HPA {scores['tuned_hpa_violated_percent_at_equal_replicas']} %, tuned demand rule "
        f"{scores['tuned_demand_violated_percent_at_equal_replicas']} %",
    )
    table.add_row("replicas", f"{scores['replicas']}")
    table.add_row("trained", f"{card['steps']:,} steps in {card['seconds']} s, seed {card['seed']}")
    console.print(table)
