"""The module and the style sheet of the panels, as text: a path would keep closed widgets in memory."""

from pathlib import Path

_STATIC = Path(__file__).parent / "static"
MODULE = (_STATIC / "marskit.js").read_text(encoding="utf-8")
STYLES = (_STATIC / "marskit.css").read_text(encoding="utf-8")
