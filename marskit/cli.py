"""The command line. It imports next to nothing itself, so that help and mistakes cost no time."""

import argparse
import errno
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from marskit import exits, replaying
from marskit.asking import add_ask
from marskit.cli_runs import (
    add_export_options,
    add_import_options,
    add_keep_options,
    add_runs_options,
    keep_of,
)
from marskit.domain.records import Mode
from marskit.settings import DEMO_MANIFESTS, ENGINES, MESHES, Settings, SettingsError, runs_place

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from marskit.controller.controller import Controller

CYCLES = 20
SCENARIO = "spike"
SCREEN_SCENARIO = "rush-hours"
"""A person reads for a minute before the first rush, and there is always a next one."""
PLANNERS_COMPARED = "static,threshold,hpa,hpa-tuned,demand,lookahead,ppo,sac,oracle"
SCENARIOS_COMPARED = "spike,ramp,flash-crowd,on-off,diurnal"
SCREEN_PACE = 10.0
"""Slow enough to see a cycle go by, fast enough for a rush hour every ten seconds."""


class _Parser(argparse.ArgumentParser):
    """Complains in one sentence."""

    def error(self, message: str) -> NoReturn:
        """Raise the complaint, to be printed where all others are."""
        raise SettingsError(f"{message[:1].upper()}{message[1:]}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say and return the exit code."""
    try:
        parsed = _parser().parse_args(arguments)
        run: Callable[[argparse.Namespace], int] = parsed.run
        exit_code = run(parsed)
        sys.stdout.flush()
    except SettingsError as error:
        return _complain(str(error), exits.INPUT)
    except OSError as error:
        return _cannot_go_on(error)
    except KeyboardInterrupt:
        return exits.of_signal(signal.SIGINT)
    return exit_code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="marskit",
        description="Step through a self-adaptive service mesh: a real Envoy mesh, real load and the MAPE-K "
        "loop in your terminal. Without a command it opens the terminal UI on the live mesh.",
        epilog="Exit codes: 0 done, 1 failed while running, 2 wrong input, 129, 130 or 143 ended by a "
        "closed terminal or a signal.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=_run)
    mesh = parser.add_argument_group("the mesh")
    mesh.add_argument(
        "--mesh",
        choices=MESHES,
        default=MESHES[0],
        help="a real Envoy, or its twin: a model in virtual time (default: %(default)s)",
    )
    mesh.add_argument("--engine", choices=ENGINES, help="how the twin is computed (default: requests)")
    mesh.add_argument(
        "--card", type=Path, metavar="FILE", help="the twin's numbers, as `calibrate` wrote them"
    )
    mesh.add_argument(
        "--pace",
        type=float,
        metavar="X",
        help="seconds of the twin in a real one (default: "
        f"{SCREEN_PACE:g} on the screen, else as many as possible)",
    )
    mesh.add_argument(
        "--manifests",
        type=Path,
        nargs="+",
        metavar="PATH",
        default=DEMO_MANIFESTS,
        help="Kubernetes and Istio manifests, files or folders (default: the demo's)",
    )
    _add_mapping(mesh, default=None)
    mesh.add_argument("--gateway-port", type=int, metavar="PORT", help="default: a free one")
    load = parser.add_argument_group("the load")
    _add_scenario(load, default=None)
    load.add_argument(
        "--locust-workers", type=int, default=0, metavar="N", help="Locust processes besides its master"
    )
    loop = parser.add_argument_group("the loop")
    loop.add_argument("--planner", default="threshold", metavar="NAME", help="default: %(default)s")
    loop.add_argument("--mode", choices=[m.value for m in Mode], default="auto", help="default: %(default)s")
    loop.add_argument(
        "--sample",
        type=float,
        default=0.5,
        metavar="SECONDS",
        help="between two looks at the mesh (default: 0.5)",
    )
    loop.add_argument("--period", type=float, metavar="SECONDS", help="default: 15 s of the scenario's time")
    loop.add_argument("--seed", type=int, default=0, help="of everything random (default: %(default)s)")
    loop.add_argument(
        "--no-guard", action="store_true", help="leave actions be whose effect is worse than predicted"
    )
    loop.add_argument(
        "--baselines",
        action=argparse.BooleanOptionalAction,
        help="know from earlier runs what is usual and what was like now (default: unless --mesh twin)",
    )
    loop.add_argument(
        "--no-recalibration", action="store_true", help="keep the twin's numbers even when the mesh drifts"
    )
    _add_runs(loop, default=Path("runs"))
    add_keep_options(loop, "remove old runs at the start: ")
    headless = parser.add_argument_group("without a screen")
    headless.add_argument("--headless", action="store_true", help="run so many cycles, told line by line")
    headless.add_argument("--cycles", type=int, metavar="N", help=f"with --headless (default: {CYCLES})")
    headless.add_argument("--json", action="store_true", help="with --headless: one event per line, as JSON")
    _add_commands(parser)
    return parser


def _add_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    runs = commands.add_parser("runs", help="list the runs that were recorded, check them, or prune them")
    add_runs_options(runs)
    _add_runs(runs)
    report = commands.add_parser("report", help="tell the story of a run")
    report.set_defaults(run=_report)
    report.add_argument("name", metavar="RUN", help="its id, the beginning of it, or `last`")
    _add_runs(report)
    replay = commands.add_parser("replay", help="go about in a recorded run, and branch it in the twin")
    replay.set_defaults(run=replaying.replay)
    replaying.add_arguments(replay)
    _add_runs(replay)
    check = commands.add_parser("check", help="check manifests and scenario without starting anything")
    check.set_defaults(run=_check)
    check.add_argument("paths", type=Path, nargs="*", metavar="PATH", help="default: the demo's manifests")
    _add_mapping(check)
    _add_scenario(check)
    calibrate = commands.add_parser("calibrate", help="fit the twin to runs, and say how far to trust it")
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
    _add_mapping(calibrate)
    _add_runs(calibrate)
    compare = commands.add_parser("compare", help="run several planners on identical load and report")
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
    train = commands.add_parser("train", help="learn a policy in the twin (needs the extra `rl`)")
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
    _add_runs(train)
    train.add_argument("--settings", type=Path, metavar="FILE", help="changes to the shipped settings, TOML")
    train.add_argument("--seed", type=int, default=argparse.SUPPRESS, help="of everything random")
    train.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="progress as NDJSON")
    for command in (compare, train, replay):
        _add_mapping(command)
        command.add_argument("--manifests", type=Path, nargs="+", metavar="PATH", default=argparse.SUPPRESS)
        command.add_argument("--card", type=Path, metavar="FILE", default=argparse.SUPPRESS)
    add_ask(commands, _add_runs)
    commands.add_parser("planners", help="list the planners").set_defaults(run=_list_planners)
    commands.add_parser("scenarios", help="list the load scenarios").set_defaults(run=_list_scenarios)
    export = commands.add_parser("export", help="write a run into one file, to hand to others")
    add_export_options(export)
    importing = commands.add_parser("import", help="take in a run that was exported")
    add_import_options(importing)
    for command in (export, importing):
        _add_runs(command)


def _add_runs(to: argparse._ActionsContainer, default: object = argparse.SUPPRESS) -> None:
    to.add_argument(
        "--runs",
        type=runs_place,
        metavar="FOLDER|URL",
        default=default,
        help="where cycles are stored, such as s3://bucket/runs (default: runs)",
    )


def _add_scenario(to: argparse._ActionsContainer, default: object = argparse.SUPPRESS) -> None:
    to.add_argument(
        "--scenario",
        metavar="NAME|FILE",
        default=default,
        help="default: rush-hours on the screen, else spike",
    )


def _add_mapping(to: argparse._ActionsContainer, default: object = argparse.SUPPRESS) -> None:
    to.add_argument(
        "--mapping", type=Path, metavar="FILE", default=default, help="how images run as local processes"
    )


def _complain(sentence: str, exit_code: int) -> int:
    print(f"marskit: {sentence.rstrip('.')}.", file=sys.stderr)
    return exit_code


def _cannot_go_on(error: OSError) -> int:
    """A file that cannot be read, or an output that cannot be written: it alone has no name."""
    if error.filename is not None:
        return _complain(f"{error.filename}: {error.strerror}", exits.FAILED)
    # What is still to be written must find a place to go, or Python would complain when it closes its output.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        return exits.PIPE
    if error.errno == errno.EIO:
        return exits.of_signal(signal.SIGHUP)
    return _complain(f"The output cannot be written: {error.strerror}", exits.FAILED)


def _settings(parsed: argparse.Namespace) -> Settings:
    """The settings that the arguments make; names are checked now rather than in the midst of a start."""
    from marskit.agents.registry import UnknownPlanner, parse_name
    from marskit.load.scenario import ScenarioError, find_scenario

    scenario = parsed.scenario or (SCENARIO if parsed.headless else SCREEN_SCENARIO)
    try:
        parse_name(parsed.planner)
        find_scenario(scenario)
    except (UnknownPlanner, ScenarioError) as error:
        raise SettingsError(str(error)) from error
    if parsed.mesh != "twin" and parsed.engine:
        raise SettingsError(f"--engine is for the twin; --mesh {parsed.mesh} has none")
    paced = parsed.mesh == "twin" and parsed.pace is None and not parsed.headless
    return Settings(
        mesh=parsed.mesh,
        manifests=tuple(parsed.manifests),
        mapping=parsed.mapping,
        scenario=scenario,
        engine=parsed.engine or ENGINES[0],
        card=parsed.card,
        planner=parsed.planner,
        mode=Mode(parsed.mode),
        guard=not parsed.no_guard,
        baselines=parsed.baselines,
        recalibration=not parsed.no_recalibration,
        seed=parsed.seed,
        period_s=parsed.period,
        sample_s=parsed.sample,
        runs=parsed.runs,
        keep=keep_of(parsed),
        gateway_port=parsed.gateway_port,
        locust_workers=parsed.locust_workers,
        pace=SCREEN_PACE if paced else parsed.pace,
    )


async def _build(settings: Settings) -> "Controller":
    """Build the controller on the runtime's thread, where loading its parts holds up no screen."""
    from marskit.bootstrap import build

    return await build(settings)


def _time(settings: Settings) -> "Callable[[], AbstractEventLoop]":
    """What makes the event loop: its time is that of the mesh."""
    if settings.mesh == "twin":
        from marskit.virtual_time import VirtualLoop

        return partial(VirtualLoop, settings.pace)
    from asyncio import new_event_loop

    return new_event_loop


def _run(parsed: argparse.Namespace) -> int:
    settings = _settings(parsed)
    if parsed.headless:
        return _run_headless(settings, parsed)
    if parsed.json or parsed.cycles is not None:
        raise SettingsError(f"{'--json' if parsed.json else '--cycles'} needs --headless")
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise SettingsError("The terminal UI needs a terminal on both ends; without one, run --headless")
    return _run_tui(settings)


def _run_headless(settings: Settings, parsed: argparse.Namespace) -> int:
    cycles = CYCLES if parsed.cycles is None else parsed.cycles
    if cycles < 1:
        raise SettingsError(f"--cycles is {cycles}; it must be 1 or more")
    if settings.mode is Mode.APPROVE:
        raise SettingsError("--mode approve needs a person to approve, so it does not go with --headless")
    from rich.console import Console

    from marskit.headless import JsonTeller, StoryTeller, run_headless

    teller = JsonTeller(sys.stdout) if parsed.json else StoryTeller(Console(), settings.runs)
    ending = run_headless(partial(_build, settings), teller, cycles=cycles, loop_factory=_time(settings))
    return _complain(ending.complaint, ending.exit_code) if ending.complaint else ending.exit_code


def _run_tui(settings: Settings) -> int:
    # A start makes many objects that stay; looking for garbage among them every 700 costs a fifth of it.
    gc.set_threshold(50_000, 10, 10)
    from marskit.controller.runtime import Runtime
    from marskit.signals import first_signal

    runtime = Runtime()
    signals: list[int] = []
    try:
        with first_signal(signals.append):
            from tui import app

            if signals:
                return exits.of_signal(signals[0])
            begin = partial(runtime.start, partial(_build, settings), loop_factory=_time(settings))
            exit_code = app.run(runtime, signals, begin, _training_arguments(settings))
    finally:
        runtime.stop()
    if runtime.state.cycles_done and runtime.state.started is not None:
        kept = runtime.state.started.run
        print(
            f"{runtime.state.cycles_done} cycles are recorded as run {kept}; `report last` tells their story."
        )
    return exit_code


def _training_arguments(settings: Settings) -> tuple[str, ...]:
    """What a training must know to be for the mesh of this run."""
    mesh = {"--mapping": settings.mapping, "--card": settings.card}
    given = (part for name, path in mesh.items() if path is not None for part in (name, str(path)))
    return ("--manifests", *map(str, settings.manifests), *given)


def _report(parsed: argparse.Namespace) -> int:
    from marskit.knowledge.port import KnowledgeError
    from marskit.offline import print_report

    try:
        print_report(parsed.runs, parsed.name)
    except KnowledgeError as error:
        raise SettingsError(str(error)) from error
    return 0


def _check(parsed: argparse.Namespace) -> int:
    from marskit.load.scenario import ScenarioError
    from marskit.mesh.manifests.model import ManifestError
    from marskit.offline import print_check

    try:
        print_check(tuple(parsed.paths or DEMO_MANIFESTS), parsed.mapping, parsed.scenario or SCENARIO)
    except (ManifestError, ScenarioError) as error:
        raise SettingsError(str(error)) from error
    return 0


def _calibrate(parsed: argparse.Namespace) -> int:
    from marskit.calibrating import print_calibration, print_if_drifted
    from marskit.calibration.error import CalibrationError
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
    from marskit.comparing import compare
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
    except (UnknownPlanner, ScenarioError) as error:
        raise SettingsError(str(error)) from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _train(parsed: argparse.Namespace) -> int:
    from marskit.train import train
    from marskit.training.child import missing

    if (sentence := missing()) is not None:
        raise SettingsError(sentence)
    for name, value in (("--seconds", parsed.seconds), ("--steps", parsed.steps)):
        if value is not None and value <= 0:
            raise SettingsError(f"{name} is {value:g}; it must be above 0")
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
    return _complain(complaint, exit_code) if complaint else exit_code


def _list_planners(parsed: argparse.Namespace) -> int:
    from marskit.offline import print_planners

    print_planners()
    return 0


def _list_scenarios(parsed: argparse.Namespace) -> int:
    from marskit.load.scenario import ScenarioError
    from marskit.offline import print_scenarios

    try:
        print_scenarios()
    except ScenarioError as error:
        raise SettingsError(str(error)) from error
    return 0


if __name__ == "__main__":
    sys.exit(main())
