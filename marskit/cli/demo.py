"""`marskit demo export`: copies the demo's manifests, scenarios and services to a folder."""

import argparse
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and options."""
    parser.add_argument("what", choices=("export",), help="write the demo to a folder")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a new or empty folder")


def run(parsed: argparse.Namespace) -> int:
    """Write the demo to the folder.

    Raises:
        ExportError: The folder is not empty, or cannot be written.
    """
    from marskit.demo import export_demo

    folder = parsed.folder
    export_demo(folder)
    print(f"The demo is in {folder}. To run it:")
    scenario = folder / "locust" / "scenarios" / "spike.toml"
    print(f"  marskit --manifests {folder / 'k8s' / 'base'} {folder / 'service-mesh'} --scenario {scenario}")
    return 0
