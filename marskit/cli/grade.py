"""`marskit grade`: a score card for each planner, against fixed rivals on identical load."""

import argparse
from pathlib import Path

from marskit.assembly.settings import ENGINES
from marskit.cli.options import OptionError


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
        default=Path("grades"),
        metavar="FOLDER",
        help="write the cards here (default: %(default)s)",
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
    if parsed.out.exists() and not parsed.out.is_dir():
        raise OptionError(f"{parsed.out}: this is a file; --out needs a folder")
    from marskit.grading.files import write_cards
    from marskit.grading.grade import grade_all
    from marskit.grading.secret import read_seeds
    from marskit.grading.submissions import planner_in
    from marskit.grading.words import document, ranking
    from marskit.pictures.documents import document_text

    cards = grade_all(
        tuple(planner_in(each) for each in parsed.planners),
        scenarios=names,
        seeds=seeds,
        secret_seeds=read_seeds(parsed.secret_seeds) if parsed.secret_seeds else (),
        engine=parsed.engine,
        cached=not parsed.no_cache,
    )
    shown = document(cards[0]) if len(cards) == 1 else (ranking(cards),)
    print(document_text(shown))
    pages = write_cards(parsed.out, cards)
    print(f"Written: {pages[-1]}; JSON beside it.")
    return 1 if any(card.failure for card in cards) else 0
