"""The settings of a run, validated once at the edge of the program."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from marskit.demo import DEMO_MANIFESTS
from marskit.domain.records import Mode
from marskit.errors import UserError
from marskit.timing.pace import LEAST_PACE, MOST_PACE

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from marskit.knowledge.care.retention import Keep

TWIN = "twin"
MESHES = ("envoy", TWIN)
ENGINES = ("requests", "fast")
KUBERNETES_PERIOD_S = 15.0
"""The autoscaler's period, in scenario seconds; the default period of the loop as well."""


class SettingsError(UserError):
    """A setting that cannot be used; one sentence says what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one run."""

    mesh: str = "envoy"
    manifests: tuple[Path, ...] = DEMO_MANIFESTS
    layers: tuple[Path, ...] = ()
    """Manifests whose objects replace earlier ones of the same kind, namespace and name."""
    mapping: Path | None = None
    """File that says how the images of foreign manifests run as local processes."""
    scenario: str = "spike"
    """Name of a shipped scenario, or a file."""
    engine: str = "requests"
    """The twin's engine; unused on any other mesh."""
    card: Path | None = None
    """Calibration card from `marskit calibrate`; None uses the shipped card, if it fits."""
    planner: str = "threshold"
    mode: Mode = Mode.AUTO
    seed: int = 0
    period_s: float | None = None
    """Real seconds from one cycle to the next; None is 15 scenario seconds."""
    sample_s: float = 0.5
    """Real seconds from one reading of mesh and load to the next."""
    runs: Path | str = Path("runs")
    """The folder for recorded runs, or the URL of an object store."""
    keep: "Keep | None" = None
    """Which earlier runs are kept when this one begins; None keeps all."""
    gateway_port: int | None = None
    """Port of the gateway; None picks a free one."""
    locust_workers: int = 0
    """Locust worker processes besides the master; 0 uses one process for both."""
    preview: bool = True
    """Whether the twin predicts the effects of actions."""
    guard: bool = True
    """Whether plans that turn out worse than predicted are rolled back."""
    baselines: bool | None = None
    """Whether baselines and similar situations of earlier runs are used. None uses them on a real mesh only:
    on the twin, the same seed gives the same run, whatever ran before."""
    recalibration: bool = True
    """Recalibrate the prediction twin when the mesh drifts."""
    planner_deadline_s: float | None = None
    """Seconds that a foreign planner may take for a decision; None is half a period."""
    trust_planner: bool = False
    """Whether foreign planners run in this process instead of child processes."""
    pace: float | None = None
    """Twin seconds per real second, at most; None is as fast as possible."""

    def __post_init__(self) -> None:
        """Check everything that needs no file; readers check the files."""
        if self.mesh not in MESHES:
            raise SettingsError(f"unknown mesh {self.mesh!r}; choose one of {', '.join(MESHES)}")
        if not 0 <= self.seed < 2**63:
            raise SettingsError(f"the seed is {self.seed}; it must be from 0 to {2**63 - 1}")
        if self.period_s is not None and not 0.2 <= self.period_s <= 3600:
            raise SettingsError(f"the period is {self.period_s:g} s; it must be from 0.2 to 3600")
        if self.planner_deadline_s is not None and not 0.01 <= self.planner_deadline_s <= 3600:
            raise SettingsError(
                f"the planner's deadline is {self.planner_deadline_s:g} s; it must be from 0.01 to 3600"
            )
        if not 0.1 <= self.sample_s <= 60:
            raise SettingsError(f"the sample period is {self.sample_s:g} s; it must be from 0.1 to 60")
        if self.gateway_port is not None and not 1 <= self.gateway_port <= 65535:
            raise SettingsError(f"the gateway port is {self.gateway_port}; it must be from 1 to 65535")
        if not 0 <= self.locust_workers <= 64:
            raise SettingsError(
                f"the number of Locust workers is {self.locust_workers}; it must be from 0 to 64"
            )
        if self.pace is not None and not LEAST_PACE <= self.pace <= MOST_PACE:
            raise SettingsError(f"the pace is {self.pace:g}; it must be from {LEAST_PACE:g} to {MOST_PACE:g}")
        if self.is_simulated:
            self._check_twin()
        elif self.pace is not None:
            raise SettingsError(f"the mesh {self.mesh} runs in real time; --pace needs --mesh twin")

    @property
    def is_simulated(self) -> bool:
        """Whether these settings run the twin, in time of its own."""
        return self.mesh == TWIN

    def loop_factory(self) -> "Callable[[], AbstractEventLoop]":
        """What makes the run's event loop: in virtual time on the twin, in real time on any other mesh."""
        if not self.is_simulated:
            from asyncio import new_event_loop

            return new_event_loop
        from marskit.timing.virtual_loop import VirtualLoop

        return partial(VirtualLoop, self.pace)

    def _check_twin(self) -> None:
        if self.gateway_port is not None:
            raise SettingsError("the twin has no port; --gateway-port cannot be used with --mesh twin")
        if self.locust_workers:
            raise SettingsError(
                "the twin runs without Locust; --locust-workers cannot be used with --mesh twin"
            )
