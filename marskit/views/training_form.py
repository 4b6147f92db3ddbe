"""The form of a training: its values, how each changes, and what is said of the file that it writes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from marskit.domain.training import TrainingRequest

ALGORITHMS = ("ppo", "sac")
FIELDS = ("algorithm", "seed", "seconds", "start from")
SECONDS = (10, 30, 60, 120, 180, 240, 300, 600, 900, 1800, 3600)
MOST = {"seed": 99_999, "seconds": 86_400}
"""The largest number that may be typed."""


@dataclass(frozen=True, slots=True)
class FormView:
    """The values, and the selected one."""

    choice: TrainingRequest = field(default_factory=TrainingRequest)
    selected: str = FIELDS[0]
    is_open: bool = True
    """Whether values can be changed now."""


def changed(
    choice: TrainingRequest, name: str, step: int, usual_seconds: Callable[[str], int]
) -> TrainingRequest:
    """The choice with one value a step up or down; another algorithm takes its usual time."""
    match name:
        case "algorithm":
            algorithm = ALGORITHMS[(ALGORITHMS.index(choice.algorithm) + step) % len(ALGORITHMS)]
            return replace(choice, algorithm=algorithm, seconds=usual_seconds(algorithm))
        case "seed":
            return replace(choice, seed=min(MOST["seed"], max(0, choice.seed + step)))
        case "seconds":
            others = [s for s in SECONDS if (s > choice.seconds if step > 0 else s < choice.seconds)]
            nearest = (others[0] if step > 0 else others[-1]) if others else choice.seconds
            return replace(choice, seconds=nearest)
        case _:
            return replace(choice, goes_on=not choice.goes_on)


def field_words(choice: TrainingRequest, name: str) -> str:
    """One value as shown."""
    return {
        "algorithm": choice.algorithm,
        "seed": str(choice.seed),
        "seconds": str(choice.seconds),
        "start from": choice.out if choice.goes_on else "fresh weights",
    }[name]


def saved_words(choice: TrainingRequest) -> str:
    """Where the policy will be saved, and whether that replaces another."""
    there = " (replaces the one there)" if Path(choice.out).is_file() else ""
    return f"saved as {path_words(choice.out)}{there}"


def replace_question(choice: TrainingRequest) -> str:
    """What is asked before a policy is lost; empty if none would be."""
    if not Path(choice.out).is_file() or choice.goes_on:
        return ""
    return f"Replace the policy {path_words(choice.out)}? It would be lost."


def path_words(path: str) -> str:
    """The whole path, with the home folder as `~`."""
    whole = Path(path).absolute()
    return f"~/{whole.relative_to(Path.home())}" if whole.is_relative_to(Path.home()) else str(whole)
