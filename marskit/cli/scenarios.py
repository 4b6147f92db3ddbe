"""`marskit scenarios`: lists the load scenarios that marskit ships."""

import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command takes no options."""


def run(parsed: argparse.Namespace) -> int:
    """List the shipped scenarios.

    Raises:
        ScenarioError: A scenario's file is wrong.
    """
    from marskit.load.scenario import list_scenarios, load_scenario

    for name in list_scenarios():
        print(f"{name:<12} {load_scenario(name).description}")
    return 0
