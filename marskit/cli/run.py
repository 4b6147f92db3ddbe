"""The run itself, which needs no command: the loop on a mesh, on the screen or told line by line."""

import argparse
import gc
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from marskit.assembly.settings import ENGINES, MESHES, Settings, SettingsError
from marskit.cli.options import SCENARIO, add_mapping, add_runs, add_scenario, complain
from marskit.cli.runs import add_keep_options, keep_of
from marskit.demo import DEMO_MANIFESTS
from marskit.domain.records import Mode
from marskit.system import exit_codes

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from marskit.controller.controller import Controller

CYCLES = 20
SCREEN_SCENARIO = "rush-hours"
"""A person reads for a minute before the first rush, and there is always a next one."""
SCREEN_PACE = 10.0
"""Slow enough to see a cycle go by, fast enough for a rush hour every ten seconds."""


def add_live_options(parser: argparse.ArgumentParser) -> None:
    """Everything that a run is started with."""
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
    add_mapping(mesh, default=None)
    mesh.add_argument("--gateway-port", type=int, metavar="PORT", help="default: a free one")
    load = parser.add_argument_group("the load")
    add_scenario(load, default=None)
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
    add_runs(loop, default=Path("runs"))
    add_keep_options(loop, "remove old runs at the start: ")
    headless = parser.add_argument_group("without a screen")
    headless.add_argument("--headless", action="store_true", help="run so many cycles, told line by line")
    headless.add_argument("--cycles", type=int, metavar="N", help=f"with --headless (default: {CYCLES})")
    headless.add_argument("--json", action="store_true", help="with --headless: one event per line, as JSON")


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
    from marskit.assembly.bootstrap import build

    return await build(settings)


def _time(settings: Settings) -> "Callable[[], AbstractEventLoop]":
    """What makes the event loop: its time is that of the mesh."""
    if settings.mesh == "twin":
        from marskit.timing.virtual_loop import VirtualLoop

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

    from marskit.console.tellers import JsonTeller, StoryTeller
    from marskit.controller.batch import run_headless

    teller = JsonTeller(sys.stdout) if parsed.json else StoryTeller(Console(), settings.runs)
    ending = run_headless(partial(_build, settings), teller, cycles=cycles, loop_factory=_time(settings))
    return complain(ending.complaint, ending.exit_code) if ending.complaint else ending.exit_code


def _run_tui(settings: Settings) -> int:
    # A start makes many objects that stay; looking for garbage among them every 700 costs a fifth of it.
    gc.set_threshold(50_000, 10, 10)
    from marskit.controller.runtime import Runtime
    from marskit.system.signals import first_signal

    runtime = Runtime()
    signals: list[int] = []
    try:
        with first_signal(signals.append):
            from marskit.tui import app

            if signals:
                return exit_codes.of_signal(signals[0])
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
