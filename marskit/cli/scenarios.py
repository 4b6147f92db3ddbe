"""`marskit scenarios`: lists the load scenarios that marskit ships."""

import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command takes no options."""


def run(parsed: argparse.Namespace) -> int:
    """List the shipped scenarios.

    Raises:
        ScenarioError: A scenario's file is wrong.
    """
    from marskit.assembly.summaries import scenario_summaries

    for name, summary in scenario_summaries():
        print(f"{name:<12} {summary}")
    return 0
