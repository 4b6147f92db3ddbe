"""The story of a recorded run, as text that notebooks and scripts print."""

from pathlib import Path

from marskit.console.report import report_lines
from marskit.knowledge.read.runs import load_run
from marskit.pictures.bundle import Bundle, preformatted

WIDTH = 110
"""Width of the report's curves, in characters."""


class Report:
    """What `marskit report` prints about one run."""

    def __init__(self, runs: str | Path, run: str) -> None:
        """Read the run.

        Raises:
            KnowledgeError: It cannot be read.
        """
        self.text = "\n".join(line.plain for line in report_lines(load_run(runs, run), width=WIDTH))

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        return preformatted(self.text)
