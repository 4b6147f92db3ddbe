"""`marskit grade`: a score card for each planner, against fixed rivals on identical load."""

import argparse
import sys
from pathlib import Path

from marskit.assembly.settings import ENGINES
from marskit.cli.options import OptionError

OUT = Path("grades")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and options."""
    parser.add_argument(
        "planners",
        nargs="+",
        metavar="PLANNER",
        help="FILE.py:CLASS, FILE.py with one planner in it, or a name",
    )
    parser.add_argument(
        "--scenarios",
        default="spike,ramp,flash-crowd",
        metavar="A,B",
        help="scenarios to run (default: %(default)s)",
    )
    parser.add_argument("--seeds", default="0,1,2", metavar="N,M", help="one run each (default: %(default)s)")
    parser.add_argument(
        "--secret-seeds", type=Path, metavar="FILE", help="more seeds, one a line, which no card names"
    )
    parser.add_argument(
        "--engine", choices=ENGINES, default=ENGINES[0], help="the twin's engine (default: %(default)s)"
    )
    parser.add_argument(
        "--no-cache", action="store_true", help="run the rivals again, and keep nothing in the user's cache"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help=f"write the cards here (default: {OUT}; with --json, nowhere)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print each run that ended, and each card, as a line of JSON"
    )


def run(parsed: argparse.Namespace) -> int:
    """Grade, print and write; return 1 if any planner could not be measured.

    Raises:
        UserError: An option, a scenario or the file of secret seeds cannot be used.
    """
    names = tuple(each.strip() for each in parsed.scenarios.split(",") if each.strip())
    try:
        seeds = tuple(int(seed) for seed in parsed.seeds.split(",") if seed.strip())
    except ValueError:
        raise OptionError(
            f"--seeds is {parsed.seeds!r}; it must be whole numbers separated by commas"
        ) from None
    out = parsed.out if parsed.out is not None or parsed.json else OUT
    if out is not None and out.exists() and not out.is_dir():
        raise OptionError(f"{out}: this is a file; --out needs a folder")
    from marskit.grading.child import Ran, line_of
    from marskit.grading.files import write_cards
    from marskit.grading.grade import grade_all
    from marskit.grading.secret import read_seeds
    from marskit.grading.submissions import planner_in
    from marskit.grading.words import document, ranking
    from marskit.pictures.documents import document_text

    def tell(planner: str, of: int) -> None:
        if parsed.json:
            print(line_of(Ran(planner, of)), flush=True)

    cards = grade_all(
        tuple(planner_in(each) for each in parsed.planners),
        scenarios=names,
        seeds=seeds,
        secret_seeds=read_seeds(parsed.secret_seeds) if parsed.secret_seeds else (),
        engine=parsed.engine,
        cached=not parsed.no_cache,
        tell=tell,
    )
    shown = document(cards[0]) if len(cards) == 1 else (ranking(cards),)
    for line in map(line_of, cards) if parsed.json else (document_text(shown),):
        print(line, flush=True)
    if out is not None:
        written = f"Written: {write_cards(out, cards)[-1]}; JSON beside it."
        print(written, file=sys.stderr if parsed.json else sys.stdout)
    return 1 if any(card.failure for card in cards) else 0
