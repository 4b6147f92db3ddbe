"""The commands that compute with the twin: fit it, compare planners on it, and learn policies in it."""

import argparse
from math import inf
from pathlib import Path

from marskit.assembly.settings import ENGINES, MESHES, Settings, SettingsError
from marskit.cli.options import add_mapping, add_runs, complain

PLANNERS_COMPARED = "static,threshold,hpa,hpa-tuned,demand,lookahead,ppo,sac,oracle"
SCENARIOS_COMPARED = "spike,ramp,flash-crowd,on-off,diurnal"


def add_calibrate_options(calibrate: argparse.ArgumentParser) -> None:
    """What `marskit calibrate` takes."""
    calibrate.set_defaults(run=_calibrate)
    calibrate.add_argument(
        "names", nargs="+", metavar="RUN", help="its id, the beginning of it, or `last`; the more, the better"
    )
    calibrate.add_argument("--out", type=Path, metavar="FILE", help="where to write the calibration card")
    calibrate.add_argument(
        "--if-drifted",
        action="store_true",
        help="fit only what a drift of the mesh has changed, from the cycles since it began",
    )
    calibrate.add_argument(
        "--card",
        type=Path,
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="with --if-drifted: the card in force (default: the one that comes along)",
    )
    calibrate.add_argument(
        "--manifests",
        type=Path,
        nargs="+",
        metavar="PATH",
        default=argparse.SUPPRESS,
        help="of the mesh that was recorded (default: the demo's)",
    )
    add_mapping(calibrate)
    add_runs(calibrate)


def add_compare_options(compare: argparse.ArgumentParser) -> None:
    """What `marskit compare` takes besides manifests and card."""
    compare.set_defaults(run=_compare)
    compare.add_argument(
        "--planners",
        default=PLANNERS_COMPARED,
        metavar="A,B",
        help="hpa-tuned is searched for first, on other loads (default: %(default)s)",
    )
    compare.add_argument(
        "--scenarios", default=SCENARIOS_COMPARED, metavar="A,B", help="default: %(default)s"
    )
    compare.add_argument("--seeds", default="0,1,2", metavar="N,M", help="default: %(default)s")
    compare.add_argument("--mesh", choices=MESHES, default="twin", help="default: %(default)s")
    compare.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help="default: %(default)s")
    compare.add_argument(
        "--out", type=Path, default=Path("comparison"), metavar="FOLDER", help="default: %(default)s"
    )


def add_train_options(train: argparse.ArgumentParser) -> None:
    """What `marskit train` takes besides manifests and card."""
    train.set_defaults(run=_train)
    train.add_argument("--algorithm", choices=("ppo", "sac"), help="default: ppo, or the fine-tuned policy's")
    train.add_argument("--seconds", type=float, metavar="S", help="how long (default: as its settings say)")
    train.add_argument("--steps", type=int, metavar="N", help="so many, which the same seed repeats")
    train.add_argument("--out", type=Path, metavar="FILE", help="default: ALGORITHM.npz")
    train.add_argument("--resume", type=Path, metavar="FILE", help="begin with the weights of a policy file")
    train.add_argument(
        "--warm-start", nargs="+", default=[], metavar="RUN", help="recorded runs that sac begins with"
    )
    train.add_argument(
        "--fine-tune",
        type=Path,
        metavar="FILE",
        help="let this policy learn on, and replace it if it is better on runs it did not learn from",
    )
    train.add_argument(
        "--from-runs", nargs="+", default=[], metavar="RUN", help="the recorded runs of a fine-tuning"
    )
    add_runs(train)
    train.add_argument("--settings", type=Path, metavar="FILE", help="changes to the shipped settings, TOML")
    train.add_argument("--seed", type=int, default=argparse.SUPPRESS, help="of everything random")
    train.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="progress as NDJSON")


def _calibrate(parsed: argparse.Namespace) -> int:
    from marskit.calibration.error import CalibrationError
    from marskit.cli.calibrate import print_calibration, print_if_drifted
    from marskit.knowledge.port import KnowledgeError
    from marskit.mesh.manifests.model import ManifestError
    from marskit.mesh.simulator.card_file import CardError

    if parsed.card is not None and not parsed.if_drifted:
        raise SettingsError("--card is what a mesh may have drifted from, so it needs --if-drifted")
    if parsed.out is not None and (parsed.out.is_dir() or not parsed.out.parent.is_dir()):
        # Said now rather than after a minute's work.
        raise SettingsError(f"--out is {parsed.out}; it must be a file in a folder that exists")
    of_mesh = parsed.runs, parsed.names, parsed.manifests, parsed.mapping
    try:
        if parsed.if_drifted:
            print_if_drifted(*of_mesh, parsed.card, parsed.out)
        else:
            print_calibration(*of_mesh, parsed.out)
    except (KnowledgeError, ManifestError, CalibrationError, CardError) as error:
        raise SettingsError(str(error)) from error
    return 0


def _compare(parsed: argparse.Namespace) -> int:
    from marskit.agents.registry import UnknownPlanner
    from marskit.cli.compare import CannotRun, compare
    from marskit.load.scenario import ScenarioError

    usual = Settings(
        mesh=parsed.mesh,
        engine=parsed.engine,
        manifests=tuple(parsed.manifests),
        mapping=parsed.mapping,
        card=parsed.card,
        # Planners are what is compared: nobody corrects them, and nobody reads their predictions.
        preview=False,
        guard=False,
        baselines=False,
    )
    try:
        seeds = tuple(int(seed) for seed in _names(parsed.seeds))
    except ValueError:
        raise SettingsError(f"--seeds is {parsed.seeds!r}; whole numbers with commas are allowed") from None
    try:
        return compare(_names(parsed.planners), _names(parsed.scenarios), seeds, usual, parsed.out)
    except (UnknownPlanner, ScenarioError, CannotRun) as error:
        raise SettingsError(str(error)) from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _train(parsed: argparse.Namespace) -> int:
    from marskit.cli.train import train
    from marskit.training.child import missing

    if (sentence := missing()) is not None:
        raise SettingsError(sentence)
    for name, value in (("--seconds", parsed.seconds), ("--steps", parsed.steps)):
        if value is not None and not 0 < value < inf:
            raise SettingsError(f"{name} is {value:g}; it must be above 0, and finite")
    if parsed.seed is not None and not 0 <= parsed.seed < 2**32:
        raise SettingsError(f"--seed is {parsed.seed}; for a training it must be from 0 to {2**32 - 1}")
    if bool(parsed.fine_tune) != bool(parsed.from_runs):
        raise SettingsError("--fine-tune FILE and --from-runs RUN... go together")
    if parsed.fine_tune:
        others = {
            "--algorithm": parsed.algorithm,
            "--out": parsed.out,
            "--resume": parsed.resume,
            "--warm-start": parsed.warm_start,
        }
        for name, value in others.items():
            if value:
                raise SettingsError(
                    f"{name} does not go with --fine-tune, which goes on with its policy in place"
                )
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
    given += ["--manifests", *map(str, parsed.manifests)]
    if parsed.warm_start:
        given += ["--runs", str(parsed.runs), "--warm-start", *parsed.warm_start]
    if parsed.from_runs:
        given += ["--runs", str(parsed.runs), "--from-runs", *parsed.from_runs]
    exit_code, complaint = train(given, as_json=parsed.json)
    return complain(complaint, exit_code) if complaint else exit_code
