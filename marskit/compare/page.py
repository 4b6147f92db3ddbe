"""The report of a comparison: one self-contained HTML file."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

from marskit.compare.jobs import CyclePoint, Measured
from marskit.compare.pareto import pareto
from marskit.compare.scale import linear
from marskit.compare.summary import Summary
from marskit.compare.tuning import Search, Tuning, is_default, is_kubernetes_default
from marskit.statistics import Estimate

COLOURS = ("#4c78a8", "#d9730d", "#3f8f3a", "#d9483b", "#2a918b", "#a0609a", "#8c6d5a", "#a3820a", "#d6588a")
"""Each is visible on white and on near-black: a contrast of at least 3 (WCAG 2.1, 1.4.11)."""
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
td:first-child, th:first-child { text-align: left; white-space: nowrap } small { color: var(--dim) }
svg text { fill: var(--dim); font-size: 11px; paint-order: stroke; stroke: var(--paper); stroke-width: 4px }
svg .axis { stroke: var(--line) } svg .front { stroke: var(--dim) }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(30rem, 1fr)); gap: 1rem 2rem }
.dot { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .45em }
.tried td { text-align: center; padding: .3rem } .tried th { text-align: center }
.tried td.chosen { outline: 2px solid var(--ink); outline-offset: -2px }
.tried td.usual b { text-decoration: underline }
.tried td.kubernetes b { font-style: italic }
.tried small { color: inherit; opacity: .75 }
pre { white-space: pre-wrap; font-size: 13px; color: var(--dim); border-left: 3px solid var(--line);
  padding-left: .9rem }
"""


def page(
    summary: Summary, measured: Sequence[Measured], stamp: Mapping[str, str], search: Search | None = None
) -> str:
    """The whole document.

    Args:
        summary: The summary.
        measured: Every run.
        stamp: What a reader needs to reproduce it, by name.
        search: How the autoscaler was tuned, if it was.
    """
    planners = [each.planner for each in summary.planners]
    colours = {planner: COLOURS[n % len(COLOURS)] for n, planner in enumerate(planners)}
    runs = len(summary.scenarios) * len(summary.seeds)
    bound = " ".join(
        f" The diamond, {escape(each.planner)}, knows the coming load: it is an upper bound, "
        "not a competitor, and excluded from the front."
        for each in summary.planners
        if each.is_bound
    )
    stamps = "\n".join(f"{name}: {value}" for name, value in stamp.items())
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>marskit: planners compared</title>"
        f"<style>{_STYLE}</style><h1>Planners compared</h1>",
        f"<p>{len(planners)} planners, {len(summary.scenarios)} scenarios, {len(summary.seeds)} seeds: "
        f"{runs} runs each. In every run, all planners face identical arrivals, request by request.</p>",
        _table(summary, colours),
        "<h2>The cost of meeting the SLO</h2><p>Mean over all runs; down and to the left is better. "
        f"Filled and joined by the dotted line: no other planner has fewer violations without more "
        f"replicas.{bound}</p>",
        pareto(summary, measured, colours),
        _grid(search) if search is not None else "",
        "<h2>Scenario by scenario</h2><p>The first seed of each: the users' p95, and the desired "
        "replicas.</p><div class=grid>",
        *(_scenario(name, measured, summary.seeds[0], colours) for name in summary.scenarios),
        f"</div><h2>How to reproduce it</h2><pre>{escape(stamps)}</pre></html>",
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
        "failed in the mesh",
        "actions",
        "utility/s",
        "limited / breaches",
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
                _number(p.mesh_failures, 0),
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
        "differences are means of paired differences. Minutes are scenario minutes; a violation minute is "
        f"one in which a service that users call violated its SLO. {summary.caveat}"
    )
    return f"<table><tr>{header}</tr>{''.join(rows)}</table><p><small>{note}</small></p>"


def _grid(search: Search) -> str:
    """The grid of tunings: the window down, the target across, greener is better."""
    utilities = [tuning.utility_per_s for tuning in search.tunings]
    shade_of = linear(min(utilities), max(utilities), 0.0, 0.45)
    targets = sorted({tuning.target_percent for tuning in search.tunings})
    windows = sorted({tuning.window_s for tuning in search.tunings})
    by_point = {(tuning.window_s, tuning.target_percent): tuning for tuning in search.tunings}
    head = "".join(f"<th>{target} %</th>" for target in targets)
    rows = "".join(
        f"<tr><td>{window_s} s</td>"
        + "".join(_tried(by_point[window_s, target], shade_of) for target in targets)
        + "</tr>"
        for window_s in windows
    )
    return (
        f"<h2>How the autoscaler was tuned</h2><p>{escape(search.sentence)} Down: the scale-down "
        "stabilisation; across: the target utilisation. Each cell has the utility per second, and below it "
        f"SLO-violation minutes and replica-minutes, as means over {search.tunings[0].runs} runs. Framed: "
        "the chosen one; ties are decided by fewer violations. Underlined: the planner "
        "<code>hpa</code>, not tuned. In italics: Kubernetes' own default."
        f"</p><table class=tried><tr><th></th>{head}</tr>{rows}</table>"
    )


def _tried(tuning: Tuning, shade_of: Callable[[float], float]) -> str:
    marks = {
        "chosen": tuning.is_chosen,
        "usual": is_default(tuning),
        "kubernetes": is_kubernetes_default(tuning),
    }
    classes = " ".join(name for name, holds in marks.items() if holds)
    return (
        f"<td class='{classes}' style='background:rgba(84,162,75,{shade_of(tuning.utility_per_s):.2f})'>"
        f"<b>{tuning.utility_per_s:.2f}</b><br><small>{tuning.violation_minutes:.2f} · "
        f"{tuning.replica_minutes:.0f}</small></td>"
    )


def _scenario(name: str, measured: Sequence[Measured], seed: int, colours: Mapping[str, str]) -> str:
    runs = [run for run in measured if run.scenario == name and run.seed == seed]
    return (
        f"<div><strong>{escape(name)}</strong>"
        + _curves("p95, ms", {run.planner: _values(run.points, _p95) for run in runs}, colours)
        + _curves("replicas", {run.planner: _values(run.points, _replicas) for run in runs}, colours)
        + "</div>"
    )


def _values(points: Sequence[CyclePoint], value: object) -> list[tuple[float, float]]:
    assert callable(value)
    return [(p.at_s, found) for p in points if (found := value(p)) is not None]


def _p95(point: CyclePoint) -> float | None:
    return point.latency_p95_ms


def _replicas(point: CyclePoint) -> float:
    return float(point.replicas)


def _curves(
    label: str, curves: Mapping[str, Sequence[tuple[float, float]]], colours: Mapping[str, str]
) -> str:
    width, height = 480, 130
    every = [point for curve in curves.values() for point in curve]
    if not every:
        return ""
    ordered = sorted(y for _, y in every)
    # One planner's outlier must not flatten all other curves.
    top = max(ordered[int(0.98 * (len(ordered) - 1))] * 1.15, 1.0)
    x_of = linear(0.0, max(x for x, _ in every), 40, width)
    y_of = linear(0.0, top, height - 14, 8)
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
