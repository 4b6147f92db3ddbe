"""Everything a run is started with, checked once at the edge of the program."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from marskit.demo import DEMO_MANIFESTS
from marskit.domain.records import Mode
from marskit.errors import UserError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from marskit.knowledge.care.retention import Keep

MESHES = ("envoy", "twin")
ENGINES = ("requests", "fast")
KUBERNETES_PERIOD_S = 15.0
"""The autoscaler's period, in scenario seconds: unless told otherwise, ours as well."""


class SettingsError(UserError):
    """A setting that cannot be used, with one sentence that says what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one run."""

    mesh: str = "envoy"
    manifests: tuple[Path, ...] = DEMO_MANIFESTS
    mapping: Path | None = None
    """How the images of manifests that are not ours run as local processes."""
    scenario: str = "spike"
    """A shipped scenario's name or a file."""
    engine: str = "requests"
    """How the twin is computed; nothing to any other mesh."""
    card: Path | None = None
    """What `marskit calibrate` wrote of the twin; None is the card that comes along, if it fits."""
    planner: str = "threshold"
    mode: Mode = Mode.AUTO
    seed: int = 0
    period_s: float | None = None
    """Real seconds from one cycle to the next; None is 15 seconds of the scenario's clock."""
    sample_s: float = 0.5
    """Real seconds from one reading of mesh and load to the next."""
    runs: Path | str = Path("runs")
    """The folder that knowledge is written to, or the URL of an object store."""
    keep: "Keep | None" = None
    """Which earlier runs are kept when this one begins; None is all."""
    gateway_port: int | None = None
    """None picks a free one."""
    locust_workers: int = 0
    """Locust worker processes besides the master; 0 is one process that does both."""
    preview: bool = True
    """Whether effects are predicted in a twin of the mesh."""
    guard: bool = True
    """Whether actions whose effect is worse than predicted are taken back."""
    baselines: bool | None = None
    """Whether Analyse knows from earlier runs what is usual, and plans are shown with situations like theirs.
    None is where the mesh is real: on the twin, the same seed gives the same run, whatever ran before."""
    recalibration: bool = True
    """Whether the twin that effects are predicted in is fitted anew when the mesh has become another."""
    planner_deadline_s: float | None = None
    """Seconds that a planner which is not ours may take for a decision; None is half a period."""
    trust_planner: bool = False
    """Whether such a planner runs in this process instead of one of its own."""
    pace: float | None = None
    """How many seconds of the twin pass in a real one; None is as many as the machine can."""

    def __post_init__(self) -> None:
        """Check what needs no file; the files are checked by those who read them."""
        if self.mesh not in MESHES:
            raise SettingsError(f"there is no mesh {self.mesh!r}; choose one of {', '.join(MESHES)}")
        if not 0 <= self.seed < 2**63:
            raise SettingsError(f"the seed is {self.seed}; it must be from 0 to {2**63 - 1}")
        if self.period_s is not None and not 0.2 <= self.period_s <= 3600:
            raise SettingsError(f"the period is {self.period_s:g} s; it must be from 0.2 to 3600")
        if self.planner_deadline_s is not None and not 0.01 <= self.planner_deadline_s <= 3600:
            raise SettingsError(
                f"the planner's deadline is {self.planner_deadline_s:g} s; it must be from 0.01 to 3600"
            )
        if not 0.1 <= self.sample_s <= 60:
            raise SettingsError(f"the time between samples is {self.sample_s:g} s; it must be from 0.1 to 60")
        if self.gateway_port is not None and not 1 <= self.gateway_port <= 65535:
            raise SettingsError(f"the gateway port is {self.gateway_port}; it must be from 1 to 65535")
        if not 0 <= self.locust_workers <= 64:
            raise SettingsError(f"{self.locust_workers} Locust workers; there may be 0 to 64")
        if self.pace is not None and not 0.1 <= self.pace <= 1000:
            raise SettingsError(f"the pace is {self.pace:g}; it must be from 0.1 to 1000")
        if self.mesh == "twin":
            self._check_twin()
        elif self.pace is not None:
            raise SettingsError(f"the mesh {self.mesh} lives in real time, so --pace needs --mesh twin")

    def loop_factory(self) -> "Callable[[], AbstractEventLoop]":
        """What makes the run's event loop: in virtual time on the twin, in real time on any other mesh."""
        if self.mesh != "twin":
            from asyncio import new_event_loop

            return new_event_loop
        from marskit.timing.virtual_loop import VirtualLoop

        return partial(VirtualLoop, self.pace)

    def _check_twin(self) -> None:
        if self.gateway_port is not None:
            raise SettingsError("the twin listens on no port, so --gateway-port does not go with --mesh twin")
        if self.locust_workers:
            raise SettingsError(
                "no Locust runs with the twin, so --locust-workers does not go with --mesh twin"
            )
