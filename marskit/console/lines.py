"""Lines of text on the terminal: results on standard output, warnings on standard error."""

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text


def print_lines(lines: Iterable[Text]) -> None:
    """Print the lines; a terminal wraps them, a file receives them unwrapped."""
    console = Console()
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)


def warn(sentences: Iterable[str]) -> None:
    """Print warnings on standard error."""
    for sentence in sentences:
        print(f"marskit: {sentence}", file=sys.stderr)
