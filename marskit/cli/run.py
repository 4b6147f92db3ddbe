"""`marskit run`, the default: runs the loop on a mesh, on the screen or headless."""

import argparse
import gc
import sys
from functools import partial
from typing import TYPE_CHECKING

from marskit.assembly.settings import ENGINES, MESHES, Settings
from marskit.cli.keep import add_keep_options, keep_of
from marskit.cli.options import (
    SCENARIO,
    OptionError,
    add_mesh,
    add_runs,
    add_scenario,
    complain,
    completes,
    manifest_arguments,
    planner_names,
)
from marskit.cli.terminal import add_screen, check_terminal
from marskit.domain.records import Mode
from marskit.domain.shortfall import ShortfallKind
from marskit.errors import UserError
from marskit.system import exit_codes

if TYPE_CHECKING:
    from marskit.controller.controller import Controller

CYCLES = 20
"""Default number of cycles of headless runs."""
SCREEN_SCENARIO = "rush-hours"
"""Default scenario on the screen: a minute of calm to read, then one rush after another."""
SCREEN_PACE = 1.0
"""Default pace of the twin on the screen, in its seconds per real second: cycles as long as on Envoy."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and options."""
    mesh = parser.add_argument_group("mesh")
    mesh.add_argument(
        "--mesh",
        choices=MESHES,
        default=MESHES[0],
        help="run real Envoys, or the twin: a model in virtual time (default: %(default)s)",
    )
    add_mesh(mesh)
    mesh.add_argument("--engine", choices=ENGINES, help="the twin's engine (default: requests)")
    mesh.add_argument(
        "--pace",
        type=float,
        metavar="X",
        help="seconds of the twin per real second (default: "
        f"{SCREEN_PACE:g} on the screen, else as fast as possible)",
    )
    mesh.add_argument(
        "--gateway-port", type=int, metavar="PORT", help="the gateway's port (default: a free one)"
    )
    load = parser.add_argument_group("load")
    add_scenario(load, f"{SCREEN_SCENARIO} on the screen, else {SCENARIO}")
    load.add_argument(
        "--locust-workers",
        type=int,
        default=0,
        metavar="N",
        help="Locust worker processes besides the master (default: %(default)s)",
    )
    loop = parser.add_argument_group("loop")
    completes(
        loop.add_argument(
            "--planner",
            default="threshold",
            metavar="NAME|FILE.py:CLASS",
            help="a planner's name, or one of your own (default: %(default)s)",
        ),
        planner_names,
    )
    loop.add_argument(
        "--planner-deadline",
        type=float,
        metavar="SECONDS",
        help="time limit for a decision of your own planner (default: half a period)",
    )
    loop.add_argument(
        "--trust-planner",
        action="store_true",
        help="run your own planner in this process, without limits",
    )
    loop.add_argument(
        "--mode",
        choices=[m.value for m in Mode],
        default="auto",
        help="what the loop may do by itself (default: %(default)s)",
    )
    loop.add_argument(
        "--period",
        type=float,
        metavar="SECONDS",
        help="time between cycles (default: 15 s of the scenario's clock)",
    )
    loop.add_argument(
        "--sample",
        type=float,
        default=0.5,
        metavar="SECONDS",
        help="time between samples of mesh and load (default: %(default)s)",
    )
    loop.add_argument("--seed", type=int, default=0, help="seed of everything random (default: %(default)s)")
    loop.add_argument(
        "--no-guard", action="store_true", help="do not roll back plans that turn out worse than predicted"
    )
    loop.add_argument(
        "--baselines",
        action=argparse.BooleanOptionalAction,
        help="use baselines and similar situations from earlier runs (default: on, except with --mesh twin)",
    )
    loop.add_argument(
        "--no-recalibration", action="store_true", help="do not recalibrate the twin when the mesh drifts"
    )
    add_runs(loop)
    add_keep_options(loop, "at the start, remove older runs: ")
    add_screen(parser)
    headless = parser.add_argument_group("without a screen")
    headless.add_argument("--headless", action="store_true", help="run N cycles and print them")
    headless.add_argument(
        "--cycles", type=int, metavar="N", help=f"with --headless: stop after N cycles (default: {CYCLES})"
    )
    headless.add_argument(
        "--json", action="store_true", help="with --headless: print NDJSON, one event per line"
    )


def _settings(parsed: argparse.Namespace) -> Settings:
    """Convert the arguments to settings; names are checked now rather than during a start."""
    from marskit.agents.registry import parse_name
    from marskit.load.scenario import find_scenario

    scenario = parsed.scenario or (SCENARIO if parsed.headless else SCREEN_SCENARIO)
    parse_name(parsed.planner)
    find_scenario(scenario)
    if parsed.mesh != "twin" and parsed.engine:
        raise OptionError(f"--engine is for the twin; --mesh {parsed.mesh} has none")
    paced = parsed.mesh == "twin" and parsed.pace is None and not parsed.headless
    return Settings(
        mesh=parsed.mesh,
        manifests=tuple(parsed.manifests),
        layers=tuple(parsed.layers),
        mapping=parsed.mapping,
        scenario=scenario,
        engine=parsed.engine or ENGINES[0],
        card=parsed.card,
        planner=parsed.planner,
        planner_deadline_s=parsed.planner_deadline,
        trust_planner=parsed.trust_planner,
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
    """Build the controller on the runtime's thread, where loading does not block the screen."""
    from marskit.assembly.bootstrap import build

    return await build(settings)


def run(parsed: argparse.Namespace) -> int:
    """Run the loop.

    Raises:
        UserError: An option, a manifest, a scenario or a planner cannot be used.
    """
    settings = _settings(parsed)
    if parsed.headless:
        return _run_headless(settings, parsed)
    if parsed.json or parsed.cycles is not None:
        raise OptionError(f"{'--json' if parsed.json else '--cycles'} needs --headless")
    check_terminal("run --headless")
    return _run_tui(settings, parsed)


def _run_headless(settings: Settings, parsed: argparse.Namespace) -> int:
    cycles = CYCLES if parsed.cycles is None else parsed.cycles
    if cycles < 1:
        raise OptionError(f"--cycles is {cycles}; it must be 1 or more")
    if settings.mode is Mode.APPROVE:
        raise OptionError(
            "--mode approve needs a person to approve, so it cannot be combined with --headless"
        )
    from rich.console import Console

    from marskit.console.tellers import JsonTeller, StoryTeller
    from marskit.controller.batch import run_headless

    teller = JsonTeller(sys.stdout) if parsed.json else StoryTeller(Console(), settings.runs)
    ending = run_headless(
        partial(_build, settings), teller, cycles=cycles, loop_factory=settings.loop_factory()
    )
    return complain(ending.complaint, ending.exit_code) if ending.complaint else ending.exit_code


def _run_tui(settings: Settings, parsed: argparse.Namespace) -> int:
    # A start makes many lasting objects; collecting garbage after every 700 would take a fifth of its time.
    gc.set_threshold(50_000, 10, 10)
    from marskit.controller.runtime import Runtime
    from marskit.system.signals import first_signal

    runtime = Runtime()
    signals: list[int] = []
    try:
        with first_signal(signals.append):
            from marskit.tui import run as screen
            from marskit.tui.looks import Looks

            if signals:
                return exit_codes.of_signal(signals[0])
            begin = partial(runtime.start, partial(_build, settings), loop_factory=settings.loop_factory())
            looks = Looks(parsed.theme, parsed.calm)
            training = _training_arguments(settings)
            exit_code = screen.run(runtime, signals, begin, training, _summaries, looks)
    finally:
        runtime.stop()
    if runtime.state.cycles_done and runtime.state.started is not None:
        kept = runtime.state.started.run
        done, ended = runtime.state.cycles_done, runtime.state.ended
        print(f"{done} cycles are recorded as run {kept}; see `marskit report last`.")
        for each in ended.shortfalls if ended else ():
            print(each.sentence)
        if ended and any(each.kind is ShortfallKind.NOT_RECORDED for each in ended.shortfalls):
            exit_code = exit_code or exit_codes.FAILED
    return exit_code


def _summaries() -> dict[str, str]:
    """The sentence beside every planner and every scenario in lists; none where they cannot be read."""
    from marskit.assembly.summaries import planner_summaries, scenario_summaries

    try:
        return dict((*planner_summaries(), *scenario_summaries()))
    except UserError:
        return {}


def _training_arguments(settings: Settings) -> tuple[str, ...]:
    """The arguments that make a training use this run's mesh."""
    mesh = {"--mapping": settings.mapping, "--card": settings.card}
    given = (part for name, path in mesh.items() if path is not None for part in (name, str(path)))
    return (*manifest_arguments(settings.manifests, settings.layers), *given)
