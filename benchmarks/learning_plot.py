"""Learning curves as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

import numpy as np

WIDTH, HEIGHT, MARGIN = 760, 380, 56
COLOURS = ("#c2410c", "#0f766e", "#4338ca")


@dataclass(frozen=True, slots=True)
class Look:
    """One evaluation on the held-out loads."""

    arm: str
    seed: int
    steps: int
    """In the twin."""
    utility_per_s: float
    violated_percent: float
    replicas: float


def plot(looks: Sequence[Look], arms: Sequence[str], hpa: str, goal: float) -> str:
    """Every seed thin, the median thick as far as all seeds go, the autoscaler's utility `goal` dashed."""
    most = max(look.steps for look in looks)
    values = [look.utility_per_s for look in looks]
    low, high = min(*values, goal), max(*values, goal)
    low, high = low - 0.05 * (high - low), high + 0.1 * (high - low)

    def x(steps: float) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * steps / most

    def y(utility: float) -> float:
        return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (utility - low) / (high - low)

    def line(points: Sequence[tuple[float, float]], style: str) -> str:
        path = " ".join(f"{x(steps):.1f},{y(utility):.1f}" for steps, utility in points)
        return f'<polyline points="{path}" fill="none" {style}/>'

    def text(at: tuple[float, float], said: str, style: str = "") -> str:
        return f'<text x="{at[0]:.0f}" y="{at[1]:.0f}" {style}>{escape(said)}</text>'

    parts = [
        line([(0, goal), (most, goal)], 'stroke="#555" stroke-dasharray="5 4"'),
        text((WIDTH - MARGIN, y(goal) - 6), f"tuned autoscaler, {hpa}", 'text-anchor="end"'),
        line([(0, low), (most, low)], 'stroke="#999"'),
        line([(0, low), (0, high)], 'stroke="#999"'),
        text((WIDTH / 2, HEIGHT - 14), "steps in the twin", 'text-anchor="middle"'),
        text(
            (MARGIN, MARGIN - 30),
            "utility per second on held-out loads; thin lines are seeds, thick ones medians",
        ),
    ]
    for tick in np.linspace(0, most, 5):
        parts.append(text((x(tick), HEIGHT - MARGIN + 18), f"{tick:,.0f}", 'text-anchor="middle"'))
    for tick in np.linspace(low, high, 5):
        parts.append(text((MARGIN - 6, y(tick) + 4), f"{tick:.1f}", 'text-anchor="end"'))
    for place, arm in enumerate(arms):
        seeds = sorted({look.seed for look in looks if look.arm == arm})
        curves = [
            [(k.steps, k.utility_per_s) for k in looks if (k.arm, k.seed) == (arm, seed)] for seed in seeds
        ]
        stroke = f'stroke="{COLOURS[place]}"'
        parts += [line(curve, f'{stroke} stroke-width="1" opacity="0.4"') for curve in curves]
        common = min(map(len, curves))
        middle = [(curves[0][i][0], median(curve[i][1] for curve in curves)) for i in range(common)]
        parts.append(line(middle, f'{stroke} stroke-width="2.5"'))
        parts.append(
            text((MARGIN + 10 + 130 * place, MARGIN - 10), arm, f'fill="{COLOURS[place]}" font-weight="bold"')
        )
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )
