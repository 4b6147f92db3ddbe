"""Which cell of a notebook is running."""

from dataclasses import dataclass

from IPython.core.getipython import get_ipython


@dataclass(frozen=True, slots=True)
class Cell:
    """One execution of one cell."""

    id: str
    execution: str

    def replaces(self, other: "Cell | None") -> bool:
        """Whether the output of `other` has made way for that of this execution."""
        return other is not None and other.id == self.id and other.execution != self.execution


def running_cell() -> Cell | None:
    """The cell that is running; None outside a notebook, and where the page does not tell which it is."""
    parent = getattr(get_ipython(), "parent_header", None) or {}
    name = parent.get("metadata", {}).get("cellId")
    return Cell(name, parent["header"]["msg_id"]) if name else None
