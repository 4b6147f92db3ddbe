"""Loads that no policy was trained or chosen on: six shapes with random numbers, each drawn several times."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

DRAWN_WITH = 20261201
"""Chosen after the shipped policies were trained."""

SHAPES = {
    "steady": {"base_requests_per_s": (60, 120)},
    "ramp": {"base": (15, 40), "peak": (90, 150), "from_s": (40, 100), "until_s": (200, 400)},
    "diurnal": {"base": (15, 35), "peak": (90, 150), "period_s": (250, 450), "peak_at_s": (100, 200)},
    "spike": {
        "base": (25, 45),
        "peak": (100, 150),
        "from_s": (60, 120),
        "until_s": (220, 380),
        "edge_s": (5, 30),
    },
    "flash-crowd": {"base": (20, 40), "peak": (110, 160), "at_s": (60, 150), "decay_s": (60, 140)},
    "on-off": {
        "base": (20, 35),
        "peak": (90, 130),
        "period_s": (120, 220),
        "on_s": (40, 100),
        "from_s": (0, 60),
    },
}
_REQUESTS = """
[[request]]
name = "order"
method = "POST"
path = "/orders"
weight = 9
json = { item = "book", quantity = 1, amount = 10.0 }

[[request]]
name = "list orders"
method = "GET"
path = "/orders"
"""


def draw(folder: Path, shapes: Sequence[str], duration_s: int, draws: int, drawn_with: int) -> list[str]:
    """`draws` scenarios of every shape, as files in `folder`; their paths, shape by shape.

    The numbers of a shape do not depend on which other shapes are asked for, nor on how many draws follow.
    """
    rng = np.random.default_rng(drawn_with)
    files: dict[str, list[str]] = {shape: [] for shape in shapes}
    for number in range(1, draws + 1):
        for shape, ranges in SHAPES.items():
            drawn = {name: round(float(rng.uniform(*limits)), 1) for name, limits in ranges.items()}
            if shape not in files:
                continue
            arrival = "\n".join(
                f"{f'{name}_requests_per_s' if name in ('base', 'peak') else name} = {value}"
                for name, value in drawn.items()
            )
            path = folder / f"{shape}-{number}.toml"
            path.write_text(
                f'title = "{shape} {number}"\ndescription = "Held out."\nduration_s = {duration_s}\n'
                f'speed = 7.5\nusers = 40\n[arrival]\nkind = "{shape}"\n{arrival}\n{_REQUESTS}'
            )
            files[shape].append(str(path))
    return [path for of_shape in files.values() for path in of_shape]


def shape_of(scenario: str) -> str:
    """The shape that a drawn scenario's file is of."""
    return Path(scenario).stem.rpartition("-")[0]
