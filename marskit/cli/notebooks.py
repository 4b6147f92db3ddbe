"""`marskit notebooks`: writes the course to a folder, and opens it in JupyterLab."""

import argparse
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and options."""
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=Path("notebooks"),
        metavar="FOLDER",
        help="a folder with the course, or a new or empty one, to which it is written (default: notebooks)",
    )
    parser.add_argument("--instructor", action="store_true", help="write the solutions and the guide too")
    parser.add_argument("--write-only", action="store_true", help="write the course, and do not open it")
    parser.add_argument("--no-browser", action="store_true", help="print the address, and open no browser")
    parser.add_argument("--port", type=int, default=8888, help="on this machine only (default: 8888)")


def run(parsed: argparse.Namespace) -> int:
    """Write the course where it is not there yet, and become JupyterLab.

    Raises:
        HandoutError: The folder holds something else, or cannot be written, or JupyterLab is not installed.
    """
    from marskit.course.handout import is_course, open_lab, write

    if parsed.write_only or not is_course(parsed.folder):
        write(parsed.folder, for_instructors=parsed.instructor)
        print(f"The course is in {parsed.folder}.")
    if not parsed.write_only:
        open_lab(parsed.folder, port=parsed.port, browser=not parsed.no_browser)
    return 0
