"""`marskit train`: trains a policy in the twin."""

import argparse
import sys
from math import inf
from pathlib import Path

from marskit.cli.options import OptionError, add_mesh, add_runs, complain, manifest_arguments


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and options."""
    parser.add_argument(
        "--algorithm",
        choices=("ppo", "sac"),
        help="learning algorithm (default: ppo, or that of the policy to fine-tune)",
    )
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="stop after S seconds (default: by the settings)"
    )
    parser.add_argument(
        "--steps", type=int, metavar="N", help="stop after N steps (reproducible for a given seed)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write the policy here (default: ALGORITHM.npz)"
    )
    parser.add_argument("--resume", type=Path, metavar="FILE", help="begin with the weights of a policy file")
    parser.add_argument(
        "--warm-start",
        nargs="+",
        default=[],
        metavar="RUN",
        help="fill the replay buffer of sac from these runs",
    )
    parser.add_argument(
        "--fine-tune",
        type=Path,
        metavar="FILE",
        help="train this policy further, and replace it if it is better on runs held out from the training",
    )
    parser.add_argument(
        "--from-runs",
        nargs="+",
        default=[],
        metavar="RUN",
        help="with --fine-tune: train on these recorded runs",
    )
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="changes to the shipped settings (TOML)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of everything random (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print progress as NDJSON")
    add_mesh(parser)
    add_runs(parser)


def run(parsed: argparse.Namespace) -> int:
    """Train a policy and show the progress.

    Raises:
        OptionError: Options cannot be combined, or the extra `rl` is not installed.
    """
    from marskit.assembly.bootstrap import card_remarks
    from marskit.console.training import train
    from marskit.mesh.manifests.load import load_mesh
    from marskit.training.child import missing

    if (sentence := missing()) is not None:
        raise OptionError(sentence)
    for name, value in (("--seconds", parsed.seconds), ("--steps", parsed.steps)):
        if value is not None and not 0 < value < inf:
            raise OptionError(f"{name} is {value:g}; it must be a finite number above 0")
    if not 0 <= parsed.seed < 2**32:
        raise OptionError(f"--seed is {parsed.seed}; for a training it must be from 0 to {2**32 - 1}")
    if bool(parsed.fine_tune) != bool(parsed.from_runs):
        raise OptionError("--fine-tune FILE and --from-runs RUN... go together")
    if parsed.fine_tune:
        others = {
            "--algorithm": parsed.algorithm,
            "--out": parsed.out,
            "--resume": parsed.resume,
            "--warm-start": parsed.warm_start,
        }
        for name, value in others.items():
            if value:
                raise OptionError(f"{name} does not go with --fine-tune, which trains its policy in place")
    for remark in card_remarks(
        load_mesh(parsed.manifests, layers=parsed.layers, mapping=parsed.mapping), parsed.card
    ):
        print(f"marskit: {remark}", file=sys.stderr)
    algorithm = parsed.algorithm or "ppo"
    options = {
        "--fine-tune": parsed.fine_tune,
        "--algorithm": None if parsed.fine_tune else algorithm,
        "--seconds": parsed.seconds,
        "--steps": parsed.steps,
        "--seed": parsed.seed,
        "--out": None if parsed.fine_tune else parsed.out or Path(f"{algorithm}.npz"),
        "--resume": parsed.resume,
        "--settings": parsed.settings,
        "--mapping": parsed.mapping,
        "--card": parsed.card,
    }
    given = [part for name, value in options.items() if value is not None for part in (name, str(value))]
    given += manifest_arguments(parsed.manifests, parsed.layers)
    if parsed.warm_start:
        given += ["--runs", str(parsed.runs), "--warm-start", *parsed.warm_start]
    if parsed.from_runs:
        given += ["--runs", str(parsed.runs), "--from-runs", *parsed.from_runs]
    exit_code, complaint = train(given, as_json=parsed.json)
    return complain(complaint, exit_code) if complaint else exit_code
