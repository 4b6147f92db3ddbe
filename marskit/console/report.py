"""Recorded runs for a terminal: their list, and the story of one of them."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import ceil

from rich.text import Text

from marskit import text
from marskit.console.story import (
    COLUMNS,
    count_lines,
    cycle_lines,
    figures_lines,
    incident_line,
    run_line,
    shortfall_lines,
)
from marskit.domain.events import Noticed
from marskit.domain.shortfall import Shortfall
from marskit.knowledge.read.runs import RunSummary, StoredRun
from marskit.knowledge.record import Record, figures
from marskit.planning import NOT_REPRODUCIBLE

_BLOCKS = "▁▂▃▄▅▆▇█"


def runs_lines(runs: Sequence[RunSummary]) -> Iterator[Text]:
    """The list of runs, oldest first, with their headline figures side by side."""
    yield Text(
        f"{'run':<21}  {'scenario':<12} {'planner':<10} {'seed':>5} {'cycles':>6}  "
        f"{'violated min':>12} {'replica-min':>11} {'failed':>6} {'actions':>7}",
        "bold",
    )
    for run in runs:
        totals = run.figures
        yield Text(
            f"{run.run:<21}  {run.scenario:<12} {run.planner:<10} {run.seed:>5} {totals.cycles:>6}  "
            f"{totals.violation_minutes:>12.2f} {totals.replica_minutes:>11.1f} {totals.failed_requests:>6} "
            f"{totals.actions:>7}"
            f"{_in_words(run.shortfalls)}"
        )


def _in_words(shortfalls: Sequence[Shortfall]) -> str:
    return f"  {', '.join(dict.fromkeys(each.kind.value for each in shortfalls))}" if shortfalls else ""


def report_lines(stored: StoredRun, *, width: int) -> Iterator[Text]:
    """The story of one run: its curves, each stretch of violation with what was done, its figures.

    A run that fell short of what it was asked says so first.
    """
    yield from shortfall_lines(stored.shortfalls)
    records = stored.records
    yield run_line(stored.started)
    yield Text(f"started {stored.started_at:%Y-%m-%d %H:%M:%S} UTC", "dim")
    if not records:
        yield Text("No cycles were recorded.")
        return
    noticed = [each for record in records for each in record.incidents if isinstance(each, Noticed)]
    if by_clock := [notice for notice in noticed if notice.subject == NOT_REPRODUCIBLE]:
        yield Text(by_clock[0].sentence, "yellow")
    yield Text("")
    yield from _curves(records, width - 40)
    yield from _chapters(records)
    yield Text("")
    yield from figures_lines(figures(records), slo_met_at_end=records[-1].slo_met)
    yield from count_lines(records)


def _curves(records: Sequence[Record], width: int) -> Iterator[Text]:
    """Load, p95, failures and replicas over the whole run, each as one line of blocks."""
    loads = [record.cycle.observation.load for record in records]
    rates = [load.sent_requests_per_s if load else None for load in loads]
    slowest = [_slowest_p95_ms(record) for record in records]
    failed = [record.failed_requests / record.covers_s if record.covers_s else None for record in records]
    ready = [None if record.replicas_ready is None else float(record.replicas_ready) for record in records]
    known = [value for value in ready if value is not None]
    yield _curve("load", rates, width, f"{text.rate(_most(rates))} max")
    yield _curve("p95", slowest, width, f"{text.ms(_most(slowest))} max")
    yield _curve("failures", failed, width, f"{text.rate(_most(failed))} max")
    yield _curve("replicas", ready, width, f"{min(known):.0f} to {max(known):.0f}" if known else text.NOTHING)
    missed = [1.0 if record.slo_met is False else 0.0 for record in records]
    marks = "".join("×" if value else "·" for value in _thinned(missed, width))
    yield Text.assemble(f"{'SLO':<10}", (marks, "red"), "  × violated")


def _curve(name: str, values: Sequence[float | None], width: int, legend: str) -> Text:
    most = _most(values) or 1.0
    last = len(_BLOCKS) - 1
    blocks = "".join(
        " " if value is None else _BLOCKS[round(last * value / most)] for value in _thinned(values, width)
    )
    return Text.assemble(f"{name:<10}", (blocks, "cyan"), f"  {legend}")


def _thinned(values: Sequence[float | None], width: int) -> list[float | None]:
    """At most `width` values, each the maximum of those it stands for."""
    size = ceil(len(values) / max(1, width))
    return [_most(values[start : start + size]) for start in range(0, len(values), size)]


def _most(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _slowest_p95_ms(record: Record) -> float | None:
    """The highest p95 of all services with an SLO."""
    return _most([slo.latency_p95_ms for slo in record.cycle.diagnosis.slos])


def _chapters(records: Sequence[Record]) -> Iterator[Text]:
    """The run as stretches with and without violation; of each, the cycles with events."""
    for missed, stretch in groupby(records, key=lambda record: record.slo_met is False):
        chapter = tuple(stretch)
        totals = figures(chapter)
        since, until = (text.clock(r.cycle.started_at_s) for r in (chapter[0], chapter[-1]))
        yield Text("")
        if missed:
            slowest = text.ms(_most([_slowest_p95_ms(record) for record in chapter]))
            yield Text(
                f"{since} to {until}: SLO violated for {totals.violation_real_s:.0f} s "
                f"({totals.violation_minutes:.2f} scenario minutes), p95 up to {slowest}, "
                f"{text.plural(totals.failed_requests, 'request')} failed",
                "bold red",
            )
        else:
            yield Text(
                f"{since} to {until}: {text.plural(totals.cycles, 'cycle')} without a violation", "bold"
            )
        yield from _eventful(chapter, edges=missed)


def _eventful(chapter: Sequence[Record], *, edges: bool) -> Iterator[Text]:
    """The cycles of a stretch with events, and with `edges` its first and last one."""
    kept = {
        index
        for index, record in enumerate(chapter)
        if record.incidents or record.cycle.executions or record.cycle.effects or record.cycle.plan.proposed
    }
    kept |= {0, len(chapter) - 1} if edges else set()
    if kept:
        yield COLUMNS
    for index in sorted(kept):
        yield from map(incident_line, chapter[index].incidents)
        yield from cycle_lines(chapter[index].cycle)
