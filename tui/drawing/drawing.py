"""What a drawing of the mesh consists of."""

from dataclasses import dataclass

from marskit.tui.drawing.rows import Row


@dataclass(frozen=True, slots=True)
class Hit:
    """A node's place on the screen, for the mouse."""

    name: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """The rows and the places of the nodes in them."""

    rows: tuple[Row, ...]
    hits: tuple[Hit, ...]
    order: tuple[tuple[str, ...], ...] = ()
    """The names row by row where the nodes are listed rather than drawn as a graph."""
