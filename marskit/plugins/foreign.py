"""Runs a planner in a process of its own; whatever goes wrong there, the loop only sees `PlannerFailed`."""

import threading
import time
from dataclasses import dataclass, field
from weakref import finalize

from marskit.agents.sources import Source
from marskit.domain.diagnosis import Diagnosis, Severity
from marskit.domain.observation import Observation
from marskit.domain.plan import Plan
from marskit.domain.records import Cycle
from marskit.planning import NOT_REPRODUCIBLE, GuestPlanner, News, PlannerFailed, PlanningView
from marskit.plugins.load import own_folder
from marskit.plugins.process import Broken, Limit, PlannerProcess
from marskit.plugins.wire import Ask, Diagnosed, Failed, Load, Loaded, Planned, Reply, Request, Reset, Seen

MOST_IN_A_ROW = 3
"""Number of consecutive crashes or kills after which the planner is no longer asked."""
_GIVEN_UP = (
    f"had to be restarted {MOST_IN_A_ROW} times in a row, so it is not asked again in this run until it "
    "is chosen again"
)
WALL_LEAST_S = 10.0
"""Lowest wall-clock limit for a decision in virtual time, in seconds."""
WALL_FACTOR = 10.0
"""Wall-clock limit for a decision in virtual time, as a multiple of its limit of processor time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The time and memory that a planner may use."""

    answer: Limit
    """Time for one decision."""
    load_s: float = 10.0
    """Time to import, construct and reset it, in real seconds."""
    memory_bytes: int = 2**30
    """Memory above that of an empty planner."""


def limits_for(deadline_s: float, *, simulated: bool) -> Limits:
    """The limits for a planner on a mesh; in virtual time they must not depend on the machine's speed.

    Args:
        deadline_s: Limit for each decision, in seconds.
        simulated: Whether the mesh runs in virtual time.
    """
    if simulated:
        return Limits(Limit(wall_s=max(WALL_LEAST_S, WALL_FACTOR * deadline_s), cpu_s=deadline_s))
    return Limits(Limit(wall_s=deadline_s))


@dataclass(slots=True)
class Conduct:
    """How a planner met its questions in one run."""

    raised: int = 0
    """Exceptions, and answers of the wrong kind."""
    late: int = 0
    """Times that it was ended at a limit of time."""
    killed: int = 0
    """Times that its process ended for any other reason."""
    not_asked: int = 0
    """Questions that were not put to it after it was lost."""
    plans_ms: list[float] = field(default_factory=list)
    """Time from each question to its plan on the wall clock, the way to its process included."""


class ForeignPlanner(GuestPlanner):
    """Implements `marskit.planning.GuestPlanner` for a class in a file or a module.

    Its methods block until the planner answers, so they are called in a thread. A planner that died or was
    killed is replaced by a new one at once, and `take_news` reports that.
    """

    def __init__(self, source: Source, name: str, seed: int, limits: Limits) -> None:
        """Start the process and load the planner.

        Args:
            source: Where the class is.
            name: The name by which the planner was chosen.
            seed: Seed of its `reset`.
            limits: The time and memory that it may use.

        Raises:
            PlannerFailed: The planner cannot be loaded; one sentence says why.
        """
        self.name = name
        self._source = source
        self._seed = seed
        self._limits = limits
        self._title = source.name
        self._process = PlannerProcess(own_folder(source))
        self._seen = _Seen()
        self._broken = {"plan": 0, "analyse": 0}
        self._given_up = False
        self._restarting: threading.Thread | None = None
        self._restart_failed: str | None = None
        self._fresh = True
        self._closed = False
        self._news: list[News] = []
        self.conduct = Conduct()
        # The process must end even if `close` is never called, as when a command is cancelled during loading.
        finalize(self, self._process.close)
        try:
            loaded = self._load(own=False)
        except BaseException:
            self.close()
            raise
        self.summary = loaded.summary
        self.analyses = loaded.analyses
        self._title = loaded.name

    def reset(self, seed: int) -> None:
        """Replace the planner by a new one.

        Args:
            seed: Seed of the new planner's `reset`.

        Raises:
            PlannerFailed: The planner cannot be made or reset, or is no longer asked.
        """
        if not self._ready(None):
            raise self._failed("is no longer asked")
        self._broken = dict.fromkeys(self._broken, 0)
        if self._fresh and seed == self._seed:
            return
        self._seed = seed
        reply = self._asked(Reset(seed), Limit(self._limits.load_s), "plan")
        self._fresh = isinstance(reply, Loaded)

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """Ask the planner for a plan.

        Raises:
            PlannerFailed: The planner returned no usable plan; one sentence says why.
        """
        reply = self._answer(diagnosis, view, "plan")
        if not isinstance(reply, Planned):
            raise self._failed("sent an answer of the wrong kind")
        return reply.plan

    def analyse(self, diagnosis: Diagnosis, view: PlanningView) -> Diagnosis:
        """Ask the planner for its own diagnosis; the given one if it has none.

        Raises:
            PlannerFailed: The planner returned no usable diagnosis; one sentence says why.
        """
        reply = self._answer(diagnosis, view, "analyse")
        if not isinstance(reply, Diagnosed):
            raise self._failed("sent an answer of the wrong kind")
        return reply.diagnosis or diagnosis

    def take_news(self) -> tuple[News, ...]:
        """Events since the last call."""
        news, self._news = tuple(self._news), []
        return news

    def close(self) -> None:
        """End the planner's process and every process that it started."""
        self._closed = True
        self._process.close()
        if self._restarting is not None:
            self._restarting.join()

    def _load(self, *, own: bool) -> Loaded:
        """Start a process with a new planner; `own` says that the planner was loaded before."""
        source = self._source
        file = str(source.file) if source.file is not None else None
        request = Load(source.name, file, source.module, self.name, self._seed, self._limits.memory_bytes)
        try:
            reply = self._process.begin(request, Limit(self._limits.load_s))
        except Broken as broken:
            raise self._failed(str(broken) if own else f"cannot be loaded: it {broken}") from broken
        if isinstance(reply, Failed):
            raise self._failed(f"cannot be loaded: {reply.sentence}")
        if not isinstance(reply, Loaded):
            raise self._failed("cannot be loaded: it sent an unexpected answer")
        self._seen = _Seen()
        self._fresh = True
        return reply

    def _answer(self, diagnosis: Diagnosis, view: PlanningView, what: str) -> Reply:
        limit = self._limits.answer
        if not self._ready(limit.wall_s if limit.cpu_s is None else None):
            self.conduct.not_asked += 1
            if self._given_up:
                raise self._failed(_GIVEN_UP)
            raise self._failed("is still being restarted")
        if self._restart_failed is not None:
            sentence, self._restart_failed = self._restart_failed, None
            self.conduct.killed += 1
            self._note_broken(what)
            raise self._failed(sentence)
        ask = Ask(what == "analyse", diagnosis, self._seen.changes(view))
        return self._asked(ask, limit, what)

    def _asked(self, request: Request, limit: Limit, what: str) -> Reply:
        self._fresh = False
        begun_s = time.perf_counter()
        try:
            reply = self._process.ask(request, limit)
        except Broken as broken:
            if broken.late:
                self.conduct.late += 1
            else:
                self.conduct.killed += 1
            if broken.by_wall and limit.cpu_s is not None:
                self._news.append(
                    News(
                        NOT_REPRODUCIBLE,
                        f"This run is not reproducible: {self._title} was stopped by the wall clock after "
                        f"{limit.wall_s:g} s, which depends on the machine.",
                    )
                )
            self._note_broken(what)
            raise self._failed(str(broken)) from broken
        self._broken[what] = 0
        if isinstance(reply, Failed):
            self.conduct.raised += 1
            raise self._failed(reply.sentence)
        if isinstance(reply, Planned):
            self.conduct.plans_ms.append((time.perf_counter() - begun_s) * 1000.0)
        return reply

    def _note_broken(self, what: str) -> None:
        """Count a lost process and start another one in the background, unless too many were lost."""
        self._broken[what] += 1
        if self._broken[what] >= MOST_IN_A_ROW:
            self._given_up = True
        elif not self._closed:
            self._restarting = threading.Thread(target=self._restart, name="marskit-planner", daemon=True)
            self._restarting.start()

    def _restart(self) -> None:
        try:
            self._load(own=True)
        except PlannerFailed as failed:
            self._restart_failed = str(failed)
        else:
            sentence = f"The planner {self._title} was restarted; what it remembered is lost."
            self._news.append(News("planner", sentence, Severity.INFO))

    def _ready(self, within_s: float | None) -> bool:
        """Whether the planner can be asked; waits for a restart up to `within_s`, or as long as it takes."""
        if self._restarting is not None:
            self._restarting.join(within_s)
            if self._restarting.is_alive():
                return False
            self._restarting = None
        return not self._given_up

    def _failed(self, sentence: str) -> PlannerFailed:
        start = f"The planner {self._title} "
        return PlannerFailed(sentence if sentence.startswith(start) else f"{start}{sentence.rstrip('.')}.")


class _Seen:
    """Tracks which parts of the view the planner's process already has."""

    def __init__(self) -> None:
        self._view: PlanningView | None = None

    def changes(self, view: PlanningView) -> Seen:
        """The parts of this view that the process does not have yet."""
        old, self._view = self._view, view
        return Seen(
            now_s=view.now_s,
            speed=view.speed,
            topology=view.topology if old is None or old.topology != view.topology else None,
            configuration=view.configuration
            if old is None or old.configuration != view.configuration
            else None,
            goals=view.goals if old is None or old.goals != view.goals else None,
            observation=view.observation if old is None or old.observation is not view.observation else None,
            held=view.held,
            recent=_added(view.recent, old.recent if old is not None else ()),
            recent_n=len(view.recent),
            cycles=_added(view.cycles, old.cycles if old is not None else ()),
            cycles_n=len(view.cycles),
        )


def _added(
    now: "tuple[Observation, ...] | tuple[Cycle, ...]", before: "tuple[Observation, ...] | tuple[Cycle, ...]"
) -> "tuple":  # type: ignore[type-arg] # of the items' type
    """The items that are new in the window; all of them unless the others end the former window."""
    if not before:
        return now
    for n in range(len(now), 0, -1):
        if now[n - 1] is before[-1]:
            kept = before[len(before) - n :] if n <= len(before) else ()
            if len(kept) == n and all(a is b for a, b in zip(kept, now, strict=False)):
                return now[n:]
            break
    return now
