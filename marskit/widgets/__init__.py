"""Live panels for notebooks: the same views as on the terminal's screen, drawn by one small ES module."""

from marskit.widgets.attendance import Patience
from marskit.widgets.dashboard import Dashboard

__all__ = ["Dashboard", "Patience"]
