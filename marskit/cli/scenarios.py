"""`marskit scenarios`: the loads that come with marskit."""

import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """Nothing."""


def run(parsed: argparse.Namespace) -> int:
    """List the shipped scenarios.

    Raises:
        ScenarioError: One of them is wrong.
    """
    from marskit.load.scenario import list_scenarios, load_scenario

    for name in list_scenarios():
        print(f"{name:<12} {load_scenario(name).description}")
    return 0
