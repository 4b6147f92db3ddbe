"""Fits the twin to recorded runs and prints the calibration card."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from marskit.calibration.calibrate import Calibration, calibrate, check_mesh
from marskit.calibration.renew import Renewed, look_back
from marskit.console.calibration_card import card_view
from marskit.knowledge.read.runs import StoredRun, find_run, load_run
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.simulator.card import Card
from marskit.mesh.simulator.card_choice import choose_card
from marskit.mesh.simulator.card_file import write_card
from marskit.mesh.simulator.compile import twin_model
from marskit.mesh.simulator.engine import Arrivals, Engine
from marskit.mesh.simulator.model import TwinModel
from marskit.mesh.simulator.requests import RequestTwin


def print_calibration(
    root: Path | str,
    names: Sequence[str],
    paths: Sequence[Path],
    layers: Sequence[Path],
    mapping: Path | None,
    out: Path | None,
) -> None:
    """Fit the twin of these manifests to runs under `root`, show the card, and write it to `out`.

    Raises:
        KnowledgeError: A run does not exist, or recorded nothing.
        ManifestError: A manifest is wrong, or the twin cannot simulate the mesh.
        CalibrationError: The runs cannot calibrate this mesh.
    """
    model = twin_model(load_mesh(tuple(paths), layers=tuple(layers), mapping=mapping))
    runs = _load(root, names)
    found = _calibrate(model, runs)
    console = Console()
    _show(console, found.card, model, found.untold, out)


def print_if_drifted(
    root: Path | str,
    names: Sequence[str],
    paths: Sequence[Path],
    layers: Sequence[Path],
    mapping: Path | None,
    card_file: Path | None,
    out: Path | None,
) -> None:
    """Look for drift in runs under `root`, one after another, and recalibrate the card where there is any.

    A card is written only if it predicts windows it was not fitted to better than the card in force.

    Raises:
        KnowledgeError: A run does not exist, or recorded nothing.
        ManifestError: A manifest is wrong, or the twin cannot simulate the mesh.
        CardError: The card cannot be used.
        CalibrationError: A run belongs to another mesh.
    """
    plain = twin_model(load_mesh(tuple(paths), layers=tuple(layers), mapping=mapping))
    chosen = choose_card(plain, card_file)
    first = card = chosen.card
    console = Console()
    for remark in chosen.remarks:
        console.print(remark, highlight=False, soft_wrap=True)
    for run in _load(root, names):
        check_mesh(plain, run)
        found = look_back(plain, card, run)
        console.print(f"run {run.started.run}: {found.sentence}", highlight=False, soft_wrap=True)
        if isinstance(found, Renewed):
            card = found.card
    if card is not None and card is not first:
        console.print()
        _show(console, card, plain, (), out)


def _load(root: Path | str, names: Sequence[str]) -> list[StoredRun]:
    runs = [load_run(root, run) for run in dict.fromkeys(find_run(root, n) for n in names)]
    for sentence in (sentence for run in runs for sentence in run.unreadable):
        print(f"marskit: {sentence}", file=sys.stderr)
    return runs


def _show(console: Console, card: Card, model: TwinModel, untold: Sequence[str], out: Path | None) -> None:
    for part in card_view(card, model, untold):
        console.print(part, highlight=False)
    console.print()
    if out is None:
        console.print("Use --out FILE to save this card.", style="dim", highlight=False)
    else:
        write_card(out, card, model)
        console.print(f"saved to {out}", highlight=False, soft_wrap=True)


def _calibrate(model: TwinModel, runs: Sequence[StoredRun]) -> Calibration:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # On stderr, so that a redirected card contains no progress bar.
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        return calibrate(
            model,
            runs,
            _engine,
            progress=lambda done, total, step: bar.update(
                task, completed=done, total=total, description=step
            ),
        )


def _engine(model: TwinModel, arrivals: Arrivals, seed: int) -> Engine:
    return RequestTwin(model, arrivals, seed=seed)
