"""Score cards as files: JSON, and pages that need nothing else."""

import json
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from marskit.grading.card import ScoreCard
from marskit.grading.words import document, ranking
from marskit.pictures.documents import document_html
from marskit.views.document import Document, Heading

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 66rem; padding: 0 1rem;
  overflow-wrap: anywhere }
table { display: block; overflow-x: auto; overflow-wrap: normal }
@media print { body { margin: 0; max-width: none } table { display: table } }
"""


def write_cards(folder: Path, cards: Sequence[ScoreCard]) -> tuple[Path, ...]:
    """Write a page and a JSON file for each card, and a ranking for several; the pages that were written."""
    folder.mkdir(parents=True, exist_ok=True)
    pages: list[Path] = []
    names: set[str] = set()
    for card in cards:
        stem = plain = re.sub(r"[^A-Za-z0-9._-]+", "_", card.planner).strip("._")[-100:] or "planner"
        n = 1
        while stem in names or stem == "ranking":
            n += 1
            stem = f"{plain}-{n}"
        names.add(stem)
        (folder / f"{stem}.json").write_text(
            json.dumps(card.as_dict(), indent=2, allow_nan=False) + "\n", encoding="utf-8"
        )
        pages.append(_page(folder / f"{stem}.html", f"Score card: {card.planner}", document(card)))
    if len(cards) > 1:
        title = "Ranking"
        pages.append(_page(folder / "ranking.html", title, (Heading(title), ranking(cards))))
    return tuple(pages)


def _page(file: Path, title: str, content: Document) -> Path:
    file.write_text(
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style>{document_html(content)}</html>\n",
        encoding="utf-8",
    )
    return file
