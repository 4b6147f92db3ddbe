"""The progress of a training: the child process's messages, and the state that they add up to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, assert_never


@dataclass(frozen=True, slots=True)
class Ticked:
    """Progress, about once a second; the first message means that loading is done."""

    seconds: float
    steps: int
    share: float
    """Share of the budget spent, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The policy's results on loads that it is never trained on."""

    seconds: float
    steps: int
    violated_percent: float
    replicas: float
    utility_per_s: float
    reward: float
    best_reward: float
    hpa_violated_percent: float
    """The tuned HPA's result at equal replicas."""
    demand_violated_percent: float
    """The tuned demand rule's result at equal replicas."""


@dataclass(frozen=True, slots=True)
class Saved:
    """The best evaluated policy was saved; the training is over."""

    saved: str
    """Path of the policy file."""
    card: Mapping[str, Any]
    """The training card in that file."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A fine-tuned policy was compared with its predecessor on recorded loads."""

    promoted: bool
    """Whether it replaces its predecessor."""
    utility_difference_per_s: float
    low: float
    high: float
    """Bounds of a 95 % interval."""
    sentence: str


Update = Ticked | Evaluated | Judged | Saved


class Stage(StrEnum):
    """The stage of a training."""

    IDLE = "idle"
    LOADING = "loading"
    LEARNING = "learning"
    STOPPING = "stopping"
    """A person stopped it; the best policy so far is being saved."""
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TrainingState:
    """Everything known about one training."""

    stage: Stage = Stage.IDLE
    algorithm: str = ""
    seed: int = 0
    tick: Ticked = field(default_factory=lambda: Ticked(0.0, 0, 0.0))
    evaluations: tuple[Evaluated, ...] = ()
    saved: Saved | None = None
    reason: str = ""
    """Why there is no policy file, in one sentence."""

    @property
    def is_busy(self) -> bool:
        """Whether its process is running."""
        return self.stage in (Stage.LOADING, Stage.LEARNING, Stage.STOPPING)

    @property
    def best(self) -> Evaluated | None:
        """The evaluation whose policy is kept: the first of the highest reward."""
        return max(self.evaluations, key=lambda each: each.reward, default=None)


def advance(state: TrainingState, update: Update) -> TrainingState:
    """The state after one more update."""
    stage = Stage.LEARNING if state.stage is Stage.LOADING else state.stage
    match update:
        case Ticked():
            return replace(state, stage=stage, tick=update)
        case Evaluated(seconds, steps):
            tick = Ticked(seconds, steps, state.tick.share)
            return replace(state, stage=stage, tick=tick, evaluations=(*state.evaluations, update))
        case Judged(promoted=True):
            return replace(state, stage=stage)
        case Judged(sentence=sentence):
            return replace(state, stage=Stage.DONE, reason=sentence)
        case Saved():
            return replace(state, stage=Stage.DONE, saved=update)
        case _:
            assert_never(update)


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """A person's choice of training."""

    algorithm: str = "ppo"
    seed: int = 0
    seconds: int = 60
    goes_on: bool = False
    """Whether training starts from the weights in the file that it will overwrite."""

    @property
    def out(self) -> str:
        """The policy file, in the working folder."""
        return f"{self.algorithm}-{self.seed}.npz"

    @property
    def arguments(self) -> tuple[str, ...]:
        """Arguments for `marskit.training`."""
        resume = ("--resume", self.out) if self.goes_on else ()
        chosen = {"--algorithm": self.algorithm, "--seed": self.seed, "--seconds": self.seconds}
        return (
            *(part for name, value in chosen.items() for part in (name, str(value))),
            *("--out", self.out, *resume),
        )
