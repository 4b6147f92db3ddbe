"""All planners by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from marskit.agents.hpa import Hpa
from marskit.agents.hpa_behaviour import SCALE_DOWN, Behaviour
from marskit.agents.resilience import Resilience
from marskit.agents.sources import MAIN, Source, plugin_source, plugins, source_of
from marskit.agents.static import Static
from marskit.agents.threshold import Threshold
from marskit.domain.goals import Goals
from marskit.domain.topology import Topology
from marskit.errors import UserError
from marskit.planning import Planner

if TYPE_CHECKING:
    from marskit.mesh.simulator.model import TwinModel


@dataclass(frozen=True, slots=True)
class PlannerContext:
    """Everything that a planner's constructor may need."""

    topology: Topology
    goals: Goals
    period_s: float
    """Real seconds from one decision to the next."""
    speed: float
    """Scenario seconds per real second."""
    model: "Callable[[], TwinModel]"
    """The twin's model of the mesh, made on demand.

    Raises:
        UserError: The twin cannot simulate this mesh.
    """
    rate_at: Callable[[float], float]
    """Offered rate of the scenario, by real seconds since it began; for the oracle only."""
    make_foreign: "Callable[[Source, str], Planner] | None" = None
    """Makes a foreign planner with that name; None outside a run.

    Raises:
        UserError: It cannot be loaded.
    """


def _demand(context: PlannerContext, target_percent: int = 65) -> Planner:
    from marskit.agents.demand import Demand

    return Demand(context.model(), target_percent)


def _oracle(context: PlannerContext) -> Planner:
    from marskit.agents.oracle import Oracle

    return Oracle(
        context.model(), context.goals, context.rate_at, period_s=context.period_s, speed=context.speed
    )


def _lookahead(context: PlannerContext) -> Planner:
    from marskit.agents.lookahead import Lookahead

    return Lookahead(context.model(), context.goals, period_s=context.period_s, speed=context.speed)


def _learned(algorithm: str) -> Callable[[PlannerContext], Planner]:
    def make(context: PlannerContext) -> Planner:
        from marskit.agents.policy import learned

        return learned(algorithm, context.model(), period_s=context.period_s, speed=context.speed)

    return make


def _from_file(context: PlannerContext, name: str) -> Planner:
    from marskit.agents.policy import from_file

    return from_file(Path(name), name, context.model(), period_s=context.period_s, speed=context.speed)


PLANNERS: Mapping[str, Callable[[PlannerContext], Planner]] = {
    "static": lambda context: Static(),
    "threshold": lambda context: Threshold(),
    "resilience": lambda context: Resilience(),
    "hpa": lambda context: Hpa(),
    "demand": _demand,
    "lookahead": _lookahead,
    "ppo": _learned("ppo"),
    "sac": _learned("sac"),
    "oracle": _oracle,
}


POLICY_FILE = ".npz"
"""Ending of a planner name that is a policy file."""


class UnknownPlanner(UserError):
    """No planner has this name."""


def make_planner(name: str, context: PlannerContext) -> Planner:
    """Make the planner of that name, which may have parameters (`hpa:60:120`, `demand:70`) or be a file.

    Args:
        name: The name, as given to `--planner`.
        context: What planners are made from.

    Raises:
        UnknownPlanner: No planner has that name; the sentence lists the known ones.
        UserError: It cannot plan for this mesh.
    """
    if name.endswith(POLICY_FILE):
        return _from_file(context, name)
    kind, numbers = parse_name(name)
    if kind not in PLANNERS:
        source = source_of(name) or plugin_source(name)
        if source is None or context.make_foreign is None:
            raise UnknownPlanner(f"The planner {name!r} can only be made for a run.")
        return context.make_foreign(source, name)
    if kind == "hpa" and numbers:
        target, window_s = (*numbers, Behaviour().scale_down.stabilisation_s)[:2]
        down = replace(SCALE_DOWN, stabilisation_s=float(window_s))
        return Hpa(Behaviour(target_percent=int(target), scale_down=down), name)
    if kind == "demand" and numbers:
        return _demand(context, numbers[0])
    return PLANNERS[kind](context)


def parse_name(name: str, also: Sequence[str] = ()) -> tuple[str, tuple[int, ...]]:
    """Split a planner's name into its kind and its parameters.

    A policy file, a class in a file or module, a plug-in and the names in `also` are their own kinds. No
    planner's code is imported.

    Raises:
        UnknownPlanner: No such planner or file exists, or its parameters are wrong.
    """
    if name in also:
        return name, ()
    if name.endswith(POLICY_FILE):
        if not Path(name).is_file():
            raise UnknownPlanner(f"The policy file {name} does not exist.")
        return name, ()
    kind, *parts = name.split(":")
    if kind not in PLANNERS:
        _check_foreign(name, also)
        return name, ()
    limits = {"hpa": ((10, 100), (0, 3600)), "demand": ((10, 100),)}.get(kind, ())
    allowed = {"hpa": "hpa:TARGET_PERCENT:STABILISATION_S", "demand": "demand:TARGET_PERCENT"}.get(kind, kind)
    if len(parts) > len(limits) or not all(part.isdecimal() for part in parts):
        raise UnknownPlanner(f"The planner name {name!r} is malformed; write {allowed}.")
    numbers = tuple(int(part) for part in parts)
    for number, (least, most) in zip(numbers, limits, strict=False):
        if not least <= number <= most:
            raise UnknownPlanner(
                f"The planner {name!r} has the number {number}; it must be from {least} to {most}."
            )
    return kind, numbers


def _check_foreign(name: str, also: Sequence[str]) -> None:
    if (source := source_of(name)) is not None:
        if source.file is not None and not source.file.is_file():
            raise UnknownPlanner(f"The file {source.file} for the planner {source.name} does not exist.")
        return
    if name.startswith(f"{MAIN}:"):
        raise UnknownPlanner(
            f"The planner {name!r} was defined in a notebook or a script that has ended; save the class in a "
            "file and write FILE.py:CLASS."
        )
    if name.endswith(".py"):
        raise UnknownPlanner(f"The planner {name!r} names no class; write {name}:CLASS.")
    if plugin_source(name) is None:
        known = ", ".join(planner_names(also))
        raise UnknownPlanner(
            f"Unknown planner {name!r}; choose one of {known}, or a policy file, FILE.py:CLASS or "
            "MODULE:CLASS."
        )


def planner_names(also: Sequence[str] = ()) -> tuple[str, ...]:
    """The names of all shipped planners and plug-ins, followed by those in `also`, without duplicates."""
    return tuple(dict.fromkeys((*PLANNERS, *plugins(), *also)))
