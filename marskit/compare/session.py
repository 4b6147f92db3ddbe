"""`marskit compare`: runs the grid, shows progress, and prints and writes the results."""

import asyncio
import platform
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import marskit
from marskit.agents.registry import parse_name
from marskit.assembly.bootstrap import build, card_remarks
from marskit.assembly.settings import Settings, SettingsError
from marskit.compare.child import Ended, Remark, line_of
from marskit.compare.files import write_parquet
from marskit.compare.jobs import Failed, Job, Measured, grid
from marskit.compare.page import page
from marskit.compare.runner import run_all
from marskit.compare.summary import Summary, summarise
from marskit.compare.table import NOTE, summary_table, table_title
from marskit.compare.tuning import TUNED, Search, choose, tuning_jobs
from marskit.errors import UserError
from marskit.load.scenario import find_scenario
from marskit.mesh.manifests.load import load_mesh

OVERHEAD_S = 5.0
"""Seconds that a real mesh takes to start and stop."""


def compare(
    planners: Sequence[str],
    scenarios: Sequence[str],
    seeds: Sequence[int],
    usual: Settings,
    out: Path,
    *,
    leave_out: bool = False,
    as_json: bool = False,
) -> int:
    """Run, print, write; returns 1 if any run failed.

    Args:
        planners: Their names.
        scenarios: Names or files.
        seeds: One run of every planner on every scenario for each.
        usual: The settings that all runs share.
        out: The folder for results.
        leave_out: Leave out, and name, the planners that cannot plan for this mesh, instead of stopping.
        as_json: Print each run as a line of JSON when it ends; everything else goes to standard error.

    Raises:
        SettingsError: A name is given twice, or `out` is a file.
        UserError: A planner, a scenario, a policy, the card or a manifest cannot be used.
    """
    for kind, names in (("planner", planners), ("scenario", scenarios), ("seed", list(map(str, seeds)))):
        if len(set(names)) < len(names) or not names:
            raise SettingsError(
                f"Name every {kind} once, and at least one; found {', '.join(names) or 'none'}"
            )
    for planner in planners:
        parse_name(planner, also=(TUNED,))
    for scenario in scenarios:
        find_scenario(scenario)
    usual = replace(usual, runs=out / "runs")
    if out.exists() and not out.is_dir():
        raise SettingsError(f"{out}: this is a file; --out needs a folder")
    console = Console(width=None if Console().is_terminal else 130, stderr=as_json)
    for remark in card_remarks(
        load_mesh(usual.manifests, layers=usual.layers, mapping=usual.mapping), usual.card
    ):
        console.print(remark, markup=False, highlight=False)
    unfit = _check(planners, scenarios, seeds, usual, leave_out=leave_out)
    for planner, reason in unfit.items():
        console.print(f"Left out {planner}: {reason}", markup=False, highlight=False)
    planners = tuple(planner for planner in planners if planner not in unfit)
    search = None
    if TUNED in planners:
        search = _tune(tuning_jobs(scenarios, seeds, usual, out / "tuning"), console)
        if search is None:
            return 1
    meant = {TUNED: search.chosen.planner} if search is not None else {}
    jobs = tuple(grid(planners, scenarios, seeds, usual, meant))
    if not usual.is_simulated:
        minutes = sum(job.duration_s + OVERHEAD_S for job in jobs) / 60
        console.print(f"{len(jobs)} runs on the real mesh, one after another: about {minutes:.0f} minutes.")
    measured, failed = _run(jobs, console, "comparing", as_json=as_json)
    if not measured:
        return 1
    summary = summarise(measured)
    console.print(_table(summary))
    console.print(f"{NOTE} {summary.caveat}".rstrip(), highlight=False)
    if search is not None:
        console.print(search.sentence, highlight=False)
        if as_json:
            print(line_of(Remark(search.sentence)), flush=True)
    by_clock = sorted({run.planner for run in measured if not run.reproducible})
    if by_clock:
        who = ", ".join(by_clock)
        console.print(
            f"Not reproducible, for the clock stopped the planner: the runs of {who}.", style="yellow"
        )
    out.mkdir(parents=True, exist_ok=True)
    write_parquet(out, measured, search)
    report = out / "report.html"
    report.write_text(page(summary, measured, _stamp(usual, summary), search), encoding="utf-8")
    console.print(f"Report: {report}; the figures are in Parquet files beside it.", highlight=False)
    return 1 if failed else 0


def _check(
    planners: Sequence[str],
    scenarios: Sequence[str],
    seeds: Sequence[int],
    usual: Settings,
    *,
    leave_out: bool,
) -> dict[str, str]:
    """Build every planner's run once, so that what cannot run is found before anything has run.

    Returns:
        The planners to leave out, and why.

    Raises:
        UserError: A part cannot be built, or all planners would be left out.
    """
    unfit: dict[str, UserError] = {}
    for planner in planners:
        with TemporaryDirectory() as nothing:
            # The tuned one does not exist yet; those that it is chosen from run on the twin.
            jobs = (
                tuning_jobs(scenarios[:1], seeds[:1], usual, Path(nothing))
                if planner == TUNED
                else grid((planner,), scenarios[:1], seeds[:1], replace(usual, runs=Path(nothing)))
            )
            try:
                asyncio.run(_build_and_discard(next(iter(jobs)).settings))
            except UserError as error:
                if not leave_out:
                    raise
                unfit[planner] = error
    if len(unfit) == len(planners):
        raise unfit[planners[0]]
    return {planner: str(error) for planner, error in unfit.items()}


async def _build_and_discard(settings: Settings) -> None:
    controller = await build(settings)
    await controller.discard()


def _tune(jobs: Sequence[Job], console: Console) -> Search | None:
    """Search for the best autoscaler; None if nothing could be measured."""
    measured, _ = _run(jobs, console, "tuning the HPA")
    return choose(measured) if measured else None


def _run(
    jobs: Sequence[Job], console: Console, doing: str, *, as_json: bool = False
) -> tuple[list[Measured], bool]:
    """Run the jobs and report failures; the measures of complete scenarios, and whether any job failed."""

    def tell(job: Job, result: Measured | Failed) -> None:
        progress.update(task, advance=1, description=f"{doing}: {job.name}")
        if as_json:
            measured = result if isinstance(result, Measured) else None
            reason = result.reason if isinstance(result, Failed) else ""
            print(line_of(Ended(job.name, len(jobs), measured, reason)), flush=True)

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Where colours are forced, as in every notebook, Rich would take the lines of JSON for its own console.
    with Progress(*columns, console=console, transient=True, redirect_stdout=not as_json) as progress:
        task = progress.add_task(doing, total=len(jobs))
        results = run_all(jobs, tell)
    failed = [result for result in results if isinstance(result, Failed)]
    for each in failed:
        console.print(f"{each.job.name} failed: {each.reason}", style="red", markup=False)
    # A scenario that one planner did not finish cannot be compared.
    broken = {each.job.scenario for each in failed}
    return [r for r in results if isinstance(r, Measured) and r.scenario not in broken], bool(failed)


def _table(summary: Summary) -> Table:
    figures = summary_table(summary)
    table = Table(*figures.columns, title=table_title(summary), title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, *cells in figures.rows:
        table.add_row(name.text, *(_dimmed(cell.text) for cell in cells))
    return table


def _dimmed(words: str) -> str:
    """The estimate, and its interval below in grey."""
    value, _, interval = words.partition("\n")
    return f"{value}\n[dim]{interval}[/]"


def _stamp(usual: Settings, summary: Summary) -> dict[str, str]:
    return {
        "command": " ".join(["marskit", *sys.argv[1:]]),
        "mesh": f"{usual.mesh}{f' ({usual.engine})' if usual.is_simulated else ''}",
        "manifests": ", ".join(path.name for path in (*usual.manifests, *usual.layers)),
        "scenarios": ", ".join(summary.scenarios),
        "seeds": ", ".join(map(str, summary.seeds)),
        "marskit": marskit.__version__,
        "python": platform.python_version(),
    }
