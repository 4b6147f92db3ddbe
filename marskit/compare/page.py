"""The report of a comparison: one HTML file with everything in it, and nothing fetched from anywhere."""

from collections.abc import Mapping, Sequence
from html import escape

from marskit.compare.jobs import Measured, Point
from marskit.compare.statistics import Estimate
from marskit.compare.summary import Summary

COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2", "#b279a2", "#9d755d", "#eeca3b", "#ff9da6")
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d0d7de; --dim: #667; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --dim: #9ab; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2.5rem auto;
  max-width: 66rem; padding: 0 1.5rem; }
h1 { font-size: 1.7rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem }
p, dd { color: var(--dim); max-width: 52rem } table { border-collapse: collapse; width: 100% }
td, th { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
  font-variant-numeric: tabular-nums }
td:first-child, th:first-child { text-align: left } small { color: var(--dim) }
svg text { fill: var(--dim); font-size: 11px } svg .axis { stroke: var(--line) }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(30rem, 1fr)); gap: 1rem 2rem }
.dot { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .45em }
pre { white-space: pre-wrap; font-size: 13px; color: var(--dim); border-left: 3px solid var(--line);
  padding-left: .9rem }
"""


def page(summary: Summary, measured: Sequence[Measured], stamp: Mapping[str, str]) -> str:
    """The whole document.

    Args:
        summary: What it comes to.
        measured: Every run.
        stamp: What a reader needs to repeat it, by name.
    """
    planners = [each.planner for each in summary.planners]
    colours = {planner: COLOURS[n % len(COLOURS)] for n, planner in enumerate(planners)}
    runs = len(summary.scenarios) * len(summary.seeds)
    stamps = "\n".join(f"{name}: {value}" for name, value in stamp.items())
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>marskit: planners compared</title>"
        f"<style>{_STYLE}</style><h1>Planners compared</h1>",
        f"<p>{len(planners)} planners, {len(summary.scenarios)} scenarios, {len(summary.seeds)} seeds: "
        f"{runs} runs each. In every run all planners meet the same arrivals, request by request.</p>",
        _table(summary, colours),
        "<h2>What it costs to keep the objective</h2><p>Mean over all runs; down and to the left is better. "
        "Filled: no other planner has fewer violations for no more replicas.</p>",
        _pareto(summary, measured, colours),
        "<h2>Scenario by scenario</h2><p>The first seed of each: the users' p95, and the replicas that were "
        "asked for.</p><div class=grid>",
        *(_scenario(name, measured, summary.seeds[0], colours) for name in summary.scenarios),
        f"</div><h2>How it was done</h2><pre>{escape(stamps)}</pre></html>",
    ]
    return "\n".join(parts)


def _number(value: Estimate, digits: int) -> str:
    return f"{value.value:.{digits}f}<br><small>{value.low:.{digits}f} to {value.high:.{digits}f}</small>"


def _table(summary: Summary, colours: Mapping[str, str]) -> str:
    head = (
        "planner",
        "SLO-violation minutes",
        f"against {summary.baseline}",
        "replica-minutes",
        f"against {summary.baseline}",
        "failed requests",
        "actions",
        "utility/s",
        "clamped / breaches",
    )
    rows = [
        "<tr>"
        + "".join(
            f"<td>{cell}</td>"
            for cell in (
                f"<span class=dot style='background:{colours[p.planner]}'></span>{escape(p.planner)}",
                _number(p.violation_minutes, 2),
                _number(p.violations_against, 2),
                _number(p.replica_minutes, 1),
                _number(p.replicas_against, 1),
                _number(p.failed_requests, 0),
                _number(p.actions, 1),
                _number(p.utility_per_s, 2),
                f"{p.clamped} / {p.breaches}",
            )
        )
        + "</tr>"
        for p in summary.planners
    ]
    header = "".join(f"<th>{escape(name)}</th>" for name in head)
    note = (
        "Interquartile means per run with 95 % intervals from a bootstrap stratified by scenario; "
        "differences are means of paired differences. Minutes are the scenario's."
    )
    return f"<table><tr>{header}</tr>{''.join(rows)}</table><p><small>{note}</small></p>"


def _pareto(summary: Summary, measured: Sequence[Measured], colours: Mapping[str, str]) -> str:
    width, height, pad = 640, 320, 48
    means = {}
    for each in summary.planners:
        runs = [run for run in measured if run.planner == each.planner]
        means[each.planner] = (
            sum(r.replica_minutes for r in runs) / len(runs),
            sum(r.violation_minutes for r in runs) / len(runs),
        )
    xs, ys = [x for x, _ in means.values()], [y for _, y in means.values()]
    x_of = _scale(min(xs), max(xs), pad, width - 90)
    y_of = _scale(0.0, max(ys), height - pad, 20)
    marks = []
    for each in summary.planners:
        x, y = means[each.planner]
        fill = colours[each.planner] if each.is_on_front else "none"
        marks.append(
            f"<circle cx={x_of(x):.1f} cy={y_of(y):.1f} r=6 fill='{fill}' stroke='{colours[each.planner]}' "
            f"stroke-width=2 /><text x={x_of(x) + 10:.1f} y={y_of(y) + 4:.1f}>{escape(each.planner)}</text>"
        )
    ticks = "".join(
        f"<text x=6 y={y_of(v) + 4:.1f}>{v:.1f}</text>" for v in (0.0, max(ys) / 2, max(ys))
    ) + "".join(
        f"<text x={x_of(v) - 12:.1f} y={height - pad + 18}>{v:.0f}</text>" for v in (min(xs), max(xs))
    )
    return (
        f"<svg viewBox='0 0 {width} {height}' width={width}>"
        f"<line class=axis x1={pad - 8} y1={height - pad} x2={width} y2={height - pad} />"
        f"<line class=axis x1={pad - 8} y1=10 x2={pad - 8} y2={height - pad} />{ticks}{''.join(marks)}"
        f"<text x={width / 2 - 60} y={height - 8}>replica-minutes</text>"
        f"<text x={pad} y=14>SLO-violation minutes</text></svg>"
    )


def _scenario(name: str, measured: Sequence[Measured], seed: int, colours: Mapping[str, str]) -> str:
    runs = [run for run in measured if run.scenario == name and run.seed == seed]
    return (
        f"<div><strong>{escape(name)}</strong>"
        + _curves("p95, ms", {run.planner: _values(run.points, _p95) for run in runs}, colours)
        + _curves("replicas", {run.planner: _values(run.points, _replicas) for run in runs}, colours)
        + "</div>"
    )


def _values(points: Sequence[Point], value: object) -> list[tuple[float, float]]:
    assert callable(value)
    return [(p.at_s, found) for p in points if (found := value(p)) is not None]


def _p95(point: Point) -> float | None:
    return point.latency_p95_ms


def _replicas(point: Point) -> float:
    return float(point.replicas)


def _curves(
    label: str, curves: Mapping[str, Sequence[tuple[float, float]]], colours: Mapping[str, str]
) -> str:
    width, height = 480, 130
    every = [point for curve in curves.values() for point in curve]
    if not every:
        return ""
    ordered = sorted(y for _, y in every)
    # One planner's disaster must not flatten all others.
    top = max(ordered[int(0.98 * (len(ordered) - 1))] * 1.15, 1.0)
    x_of = _scale(0.0, max(x for x, _ in every), 40, width)
    y_of = _scale(0.0, top, height - 14, 8)
    lines = "".join(
        f"<polyline fill=none stroke='{colours[planner]}' stroke-width=1.4 points='"
        + " ".join(f"{x_of(x):.1f},{y_of(min(y, top)):.1f}" for x, y in curve)
        + "' />"
        for planner, curve in curves.items()
    )
    return (
        f"<svg viewBox='0 0 {width} {height}' width='100%'>"
        f"<line class=axis x1=40 y1={height - 14} x2={width} y2={height - 14} />{lines}"
        f"<text x=0 y=14>{top:.0f}</text><text x=0 y={height - 12}>0</text>"
        f"<text x=44 y=14>{escape(label)}</text></svg>"
    )


def _scale(low: float, high: float, begin: float, end: float):  # type: ignore[no-untyped-def] # a local function
    span = (high - low) or 1.0
    return lambda value: begin + (value - low) / span * (end - begin)
