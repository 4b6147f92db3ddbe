"""The plot of the cost of meeting the SLO: violations over replicas, the front, and the bound."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

from marskit.compare.jobs import Measured
from marskit.compare.scale import linear
from marskit.compare.summary import Summary

WIDTH, HEIGHT, PAD = 700, 340, 52
LABEL_HEIGHT = 13
LABEL_WIDTH = 7
"""Approximate width of one character."""


def pareto(summary: Summary, measured: Sequence[Measured], colours: Mapping[str, str]) -> str:
    """An SVG: a circle per planner, filled on the front, and a diamond for the bound."""
    means = {}
    for each in summary.planners:
        runs = [run for run in measured if run.planner == each.planner]
        means[each.planner] = (
            sum(r.replica_minutes for r in runs) / len(runs),
            sum(r.violation_minutes for r in runs) / len(runs),
        )
    xs, ys = [x for x, _ in means.values()], [y for _, y in means.values()]
    x_of = linear(min(xs), max(xs), PAD + 12, WIDTH - 110)
    y_of = linear(0.0, max(ys), HEIGHT - PAD, 28)
    places = {planner: (x_of(x), y_of(y)) for planner, (x, y) in means.items()}
    labels = _labels(places)
    marks = []
    for each in summary.planners:
        x, y = places[each.planner]
        colour = colours[each.planner]
        fill = colour if each.is_on_front else "none"
        mark = f"<circle cx={x:.1f} cy={y:.1f} r=6 fill='{fill}' stroke='{colour}' stroke-width=2 />"
        if each.is_bound:
            points = f"{x:.1f},{y - 8:.1f} {x + 8:.1f},{y:.1f} {x:.1f},{y + 8:.1f} {x - 8:.1f},{y:.1f}"
            mark = f"<polygon points='{points}' fill=none stroke='{colour}' stroke-dasharray='3 2' />"
        name = f"{each.planner} (bound)" if each.is_bound else each.planner
        marks.append(f"{mark}<text x={x + 12:.1f} y={labels[each.planner]:.1f}>{escape(name)}</text>")
    front = sorted(places[each.planner] for each in summary.planners if each.is_on_front)
    ticks = "".join(
        f"<text x={PAD - 14} y={y_of(v) + 4:.1f} text-anchor=end>{v:.1f}</text>"
        for v in sorted({0.0, max(ys) / 2, max(ys)})
    ) + "".join(
        f"<text x={x_of(v):.1f} y={HEIGHT - PAD + 18} text-anchor=middle>{v:.0f}</text>"
        for v in sorted({min(xs), max(xs)})
    )
    return (
        f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' width={WIDTH} style='max-width:100%'>"
        f"<line class=axis x1={PAD - 8} y1={HEIGHT - PAD} x2={WIDTH} y2={HEIGHT - PAD} />"
        f"<line class=axis x1={PAD - 8} y1=20 x2={PAD - 8} y2={HEIGHT - PAD} />{ticks}{_steps(front)}"
        f"{''.join(marks)}<text x={WIDTH / 2:.0f} y={HEIGHT - 8} text-anchor=middle>replica-minutes</text>"
        f"<text x=0 y=12>SLO-violation minutes</text></svg>"
    )


def _steps(front: Sequence[tuple[float, float]]) -> str:
    """The front's edge: points above or to the right of it are dominated."""
    corners = [front[0]] if front else []
    for (_, before), (x, y) in pairwise(front):
        corners += [(x, before), (x, y)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return f"<polyline class=front points='{points}' fill=none stroke-dasharray='2 4' />"


def _labels(places: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """The y of every label: beside its mark, or above if another label is in the way."""
    placed: dict[str, tuple[float, float]] = {}
    for name, (x, y) in sorted(places.items(), key=lambda item: -item[1][1]):
        at = y + 4
        while any(
            abs(at - other_y) < LABEL_HEIGHT and abs(x - other_x) < LABEL_WIDTH * max(len(name), len(other))
            for other, (other_x, other_y) in placed.items()
        ):
            at -= 1.0
        placed[name] = (x, at)
    return {name: y for name, (_, y) in placed.items()}
