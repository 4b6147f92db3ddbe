"""A run told by events: start-up, health, overload by a flash crowd, the plan, its effect, and failure."""

import math
from dataclasses import dataclass, field, replace

from marskit.domain.actions import Action, Scale, ShiftTraffic
from marskit.domain.config import (
    Configuration,
    Destination,
    OutlierDetection,
    OutlierSetting,
    RouteSetting,
)
from marskit.domain.diagnosis import Severity
from marskit.domain.events import (
    Event,
    FaultInjected,
    MeshReady,
    Noticed,
    Observed,
    Progressed,
    RunEnded,
    RunStarted,
    ScenarioInfo,
)
from marskit.domain.faults import SlowDown
from marskit.domain.goals import Goals, Slo
from marskit.domain.load import LoadSample, LoadStatus
from marskit.domain.loop_events import (
    Analysed,
    ApprovalAwaited,
    CycleCompleted,
    Executed,
    ExecuteEnded,
    Monitored,
    PhaseStarted,
    Planned,
    RunningChanged,
)
from marskit.domain.metrics import ConfigGeneration
from marskit.domain.observation import (
    EdgeObservation,
    Latency,
    Observation,
    ServiceObservation,
    WorkloadObservation,
)
from marskit.domain.plan import Candidate, Draft, Plan, Prediction, ShieldChange
from marskit.domain.records import Cycle, Effect, Execution, Mode, Origin, Outcome, Phase
from marskit.domain.similar import Similar
from marskit.domain.state import State, apply
from marskit.domain.topology import GATEWAY, EdgeId, Service, Topology, Workload
from marskit.mapek.analyse.analyse import analyse
from tests.fakes import CAPABILITIES

FOOD, MUSIC = "recommendations-food", "recommendations-music"
TOPOLOGY = Topology(
    namespace="marskit-demo",
    services=(
        Service("orders", "marskit-demo", 8080, ("orders",)),
        Service("payments", "marskit-demo", 8080, ("payments",)),
        Service("recommendations", "marskit-demo", 8080, (FOOD, MUSIC)),
    ),
    workloads=(
        Workload("orders", "orders", "v1", 1, 6),
        Workload("payments", "payments", "v1", 1, 6),
        Workload(FOOD, "recommendations", "food", 1, 6),
        Workload(MUSIC, "recommendations", "music", 1, 6),
    ),
    edges=(
        EdgeId(GATEWAY, "orders", "orders"),
        EdgeId("orders", "payments", "payments"),
        EdgeId("orders", "recommendations", FOOD),
        EdgeId("orders", "recommendations", MUSIC),
    ),
)
GOALS = Goals((Slo("orders", 300.0), Slo("payments", 200.0), Slo("recommendations", 200.0)))
CONFIGURATION = Configuration(
    replicas=(("orders", 2), ("payments", 2), (FOOD, 2), (MUSIC, 2)),
    routes=(
        RouteSetting(
            "recommendations",
            2,
            "split",
            (
                Destination("recommendations", "food", FOOD, 50),
                Destination("recommendations", "music", MUSIC, 50),
            ),
            1500,
            None,
        ),
    ),
    outliers=(OutlierSetting("payments", "payments", OutlierDetection(20, 1000, 5000, 34)),),
)


def with_timeout(timeout_ms: int) -> Configuration:
    """The configuration with another timeout on its route."""
    (route,) = CONFIGURATION.routes
    return replace(CONFIGURATION, routes=(replace(route, timeout_ms=timeout_ms),))


def curve(at_s: float) -> float:
    """40 requests/s, and a spike of 110 from 60 s to 120 s."""
    return 40.0 + (70.0 if 60 <= at_s < 120 else 0.0) + 3.0 * math.sin(at_s / 9)


SCENARIO = ScenarioInfo(
    name="spike",
    title="A calm shop, then a sudden crowd",
    duration_s=240.0,
    speed=1.0,
    curve=tuple((240.0 * i / 200, curve(240.0 * i / 200)) for i in range(201)),
)
STARTED = RunStarted(
    run="20260314-101502",
    mesh="envoy",
    seed=7,
    planner="threshold",
    planners=("static", "threshold", "hpa"),
    mode=Mode.AUTO,
    period_s=5.0,
    topology=TOPOLOGY,
    configuration=CONFIGURATION,
    goals=GOALS,
    scenario=SCENARIO,
    scenarios=("steady", "spike", "diurnal", "flash-crowd"),
    capabilities=CAPABILITIES,
)
NOTHING = Prediction(8.0, "orders", 110.0, 852.0, 61.0, 2.4, 8, -42.5, 6.2)
EXPECTED = Prediction(8.0, "orders", 110.0, 152.0, 0.1, 0.0, 10, 88.3, 6.2)
"""What is predicted of doing nothing about the crowd, and of two more replicas of payments."""
SIMILAR = (
    Similar("20260313-164010", 22, 0.31, ("scale payments to 4",), -38.1, 84.2, 0.0, 10),
    Similar("20260312-090845", 9, 0.84, (), -40.6, -12.9, 1.25, 10),
)
DIFF = """--- k8s/base/payments.yaml
+++ k8s/base/payments.yaml
@@ -14,7 +14,7 @@
     marskit.dev/max-replicas: "6"
 spec:
-  replicas: 2
+  replicas: 4
   revisionHistoryLimit: 3
"""


def latency(p95_ms: float, n: int) -> Latency:
    return Latency(n, p95_ms * 0.45, p95_ms, p95_ms * 1.4)


@dataclass
class Story:
    """Events as they are told, and the state they add up to."""

    state: State = field(default_factory=State)
    events: list[Event] = field(default_factory=list)
    now_s: float = 0.0
    cycle: int = 0
    executions: int = 0
    factor: float = 1.0
    slowed: float = 1.0
    configuration: Configuration = CONFIGURATION
    since: int = 0
    """Where in the executions the last cycle ended."""

    def tell(self, *events: Event) -> "Story":
        for event in events:
            self.events.append(event)
            self.state = apply(self.state, event)
        return self

    def start(self, mode: Mode = Mode.AUTO) -> "Story":
        return self.tell(replace(STARTED, mode=mode))

    def come_up(self) -> "Story":
        for at_s, step, detail in (
            (0.1, "manifests", "3 services, 4 workloads, 4 edges"),
            (0.3, "envoy", "1.40 on 127.0.0.1:10000"),
            (0.6, "replicas", "orders 2, payments 2, recommendations 4"),
        ):
            self.tell(Progressed(at_s, step, detail))
        self.now_s = 1.0
        return self.tell(MeshReady(1.0, "http://127.0.0.1:10000"))

    def observe(self, seconds: int = 1) -> "Story":
        for _ in range(seconds):
            self.now_s += 1.0
            self.tell(Observed(self.observation()))
        return self

    def observation(self) -> Observation:
        at_s = self.now_s
        asked = curve(at_s) * self.factor
        sent = asked * (0.985 + 0.01 * math.sin(at_s * 1.7))
        replicas = dict(self.configuration.replicas)
        busy = {
            "orders": sent * 0.010 / (4 * replicas["orders"]) * 2.2,
            "payments": sent * 0.030 * self.slowed / (2 * replicas["payments"]),
            FOOD: sent / 2 * 0.030 / (2 * replicas[FOOD]),
            MUSIC: sent / 2 * 0.030 / (2 * replicas[MUSIC]),
        }
        jitter = 1 + 0.06 * math.sin(at_s * 2.3) + 0.04 * math.sin(at_s * 5.1)

        def p95(name: str, base_ms: float) -> float:
            over = max(0.0, busy[name] - 0.6)
            return jitter * base_ms * (1 + min(9.0, 14 * over * over / 0.16))

        payments_ms, food_ms, music_ms = p95("payments", 62 * self.slowed), p95(FOOD, 58), p95(MUSIC, 55)
        orders_ms = 30 * jitter + payments_ms * 1.05 + max(food_ms, music_ms) * 0.2
        failing = max(0.0, busy["payments"] - 1.0) * sent * 0.3
        n = round(sent * 10)

        def edge(
            source: str, service: str, workload: str, rate: float, p95_ms: float, fail: float = 0.0
        ) -> EdgeObservation:
            split = service == "recommendations"
            wobble = 50 + 2.4 * math.sin(at_s / 3) * (1 if workload == FOOD else -1)
            return EdgeObservation(
                EdgeId(source, service, workload),
                rate,
                fail,
                latency(p95_ms, round(rate * 10)),
                round(rate * p95_ms / 2000),
                0.0,
                0.0,
                0,
                50 if split else None,
                wobble if split else 100.0,
                (("UO", 12),) if fail else (),
            )

        return Observation(
            at_s=at_s,
            window_s=10.0,
            services=(
                ServiceObservation("orders", sent, failing, latency(orders_ms, n)),
                ServiceObservation("payments", sent, failing, latency(payments_ms, n)),
                ServiceObservation("recommendations", sent, 0.0, latency(max(food_ms, music_ms), n)),
            ),
            workloads=tuple(
                WorkloadObservation(
                    w.name,
                    w.service,
                    replicas[w.name],
                    replicas[w.name],
                    sent if w.service != "recommendations" else sent / 2,
                    min(1.0, busy[w.name]),
                    round(max(0.0, busy[w.name] - 0.8) * 30) if busy[w.name] > 0.8 else 0.0,
                )
                for w in TOPOLOGY.workloads
            ),
            edges=(
                edge(GATEWAY, "orders", "orders", sent, orders_ms, failing),
                edge("orders", "payments", "payments", sent, payments_ms, failing),
                edge("orders", "recommendations", FOOD, sent / 2, food_ms),
                edge("orders", "recommendations", MUSIC, sent / 2, music_ms),
            ),
            load=LoadSample(
                at_s, LoadStatus.RUNNING, round(asked * 1.2), self.factor, at_s % 240.0, asked, sent, failing
            ),
            generation=ConfigGeneration(self.executions + 1, self.executions + 1, self.executions + 1),
        )

    def enter(self, phase: Phase) -> "Story":
        if phase is Phase.MONITOR:
            self.cycle += 1
        return self.tell(PhaseStarted(self.now_s, self.cycle, phase))

    def monitor(self) -> "Story":
        return self.enter(Phase.MONITOR).tell(Monitored(self.now_s, self.cycle, self.observation()))

    def analyse(self) -> "Story":
        assert self.state.cycle is not None
        assert self.state.cycle.observation is not None
        diagnosis = analyse(
            self.state.cycle.observation,
            topology=TOPOLOGY,
            goals=GOALS,
            configuration=self.configuration,
            actions=0,
            period_s=5.0,
        )
        return self.enter(Phase.ANALYSE).tell(Analysed(self.now_s, self.cycle, diagnosis))

    def plan(self, *actions: Action) -> "Story":
        if not actions:
            nothing = Plan("threshold", (Candidate((), "no objective is violated"),), (), "All SLOs are met.")
            return self.enter(Phase.PLAN).tell(Planned(self.now_s, self.cycle, nothing))
        plan = Plan(
            planner="threshold",
            candidates=(
                Candidate((), "orders would stay over its objective", 0.0, NOTHING),
                Candidate(
                    (Scale("payments", 5),),
                    "payments is 97 % busy and the bottleneck",
                    0.82,
                    replace(
                        EXPECTED, latency_p95_ms=118.0, slow_percent=0.0, replicas=11, utility_per_s=86.1
                    ),
                ),
                Candidate(
                    (Scale("orders", 3),),
                    "orders is 31 % busy: it would change nothing",
                    0.05,
                    replace(NOTHING, latency_p95_ms=846.0, replicas=9, utility_per_s=-44.0),
                ),
            ),
            proposed=(Scale("payments", 5),),
            reason="payments is the bottleneck: at 110 req/s it needs 5 replicas to stay under 70 % busy.",
            actions=actions,
            shield=(
                ShieldChange(
                    "step",
                    Scale("payments", 5),
                    Scale("payments", 4),
                    "A workload grows by at most 2 replicas at a time: 4 instead of 5.",
                ),
            ),
            prediction=EXPECTED,
            nothing=NOTHING,
            similar=SIMILAR,
        )
        return self.enter(Phase.PLAN).tell(Planned(self.now_s, self.cycle, plan))

    def await_approval(self) -> "Story":
        plan = self.state.cycle.plan if self.state.cycle else None
        drafts = tuple(self.draft(action) for action in (plan.actions if plan else ()))
        return self.enter(Phase.EXECUTE).tell(ApprovalAwaited(self.now_s, self.cycle, drafts=drafts))

    def draft(self, action: Action) -> Draft:
        scale = "kubectl -n marskit-demo scale deployment {} --replicas={}"
        if not isinstance(action, Scale):
            return Draft(action, "kubectl -n marskit-demo patch virtualservice recommendations", "", None)
        before = self.configuration.replicas_of(action.workload)
        command, back = (scale.format(action.workload, n) for n in (action.replicas, before))
        return Draft(action, command, DIFF.replace("payments", action.workload), back)

    def write(
        self, action: Action, origin: Origin = Origin.PLANNER, outcome: Outcome = Outcome.APPLIED
    ) -> "Story":
        self.executions += 1
        inverse: Action | None = None
        command = back = "kubectl -n marskit-demo patch virtualservice recommendations --type=json -p '[...]'"
        diff = ""
        if isinstance(action, Scale):
            before = self.configuration.replicas_of(action.workload)
            inverse = Scale(action.workload, before)
            scale = "kubectl -n marskit-demo scale deployment {} --replicas={}"
            command, back = (scale.format(action.workload, n) for n in (action.replicas, before))
            diff = DIFF.replace("payments", action.workload)
            if outcome is Outcome.APPLIED:
                replicas = tuple(
                    (w, action.replicas if w == action.workload else n)
                    for w, n in self.configuration.replicas
                )
                self.configuration = replace(self.configuration, replicas=replicas)
        applied = outcome is Outcome.APPLIED
        execution = Execution(
            id=self.executions,
            origin=origin,
            action=action,
            command=command,
            diff=diff,
            inverse=inverse,
            inverse_command=back,
            outcome=outcome,
            reason="" if applied else "the proxy refused it: weights must add up to 100",
            at_s=self.now_s,
            generation=self.executions + 1 if applied else None,
            pushed_after_ms=6.4 if applied else None,
            effective_after_ms=412.0 if applied else None,
        )
        return self.tell(Executed(execution, self.configuration))

    def finish(self, *effects: Effect) -> "Story":
        if self.state.cycle is not None and self.state.cycle.phase is not Phase.EXECUTE:
            self.enter(Phase.EXECUTE)
        self.tell(ExecuteEnded(self.now_s, self.cycle))
        return self.keep(*effects)

    def keep(self, *effects: Effect) -> "Story":
        self.enter(Phase.KNOWLEDGE)
        current = self.state.cycle
        assert current is not None
        assert current.observation is not None
        assert current.diagnosis is not None
        assert current.plan is not None
        done = self.state.executions[self.since :]
        self.since = len(self.state.executions)
        return self.tell(
            CycleCompleted(
                Cycle(
                    current.id,
                    current.observation.at_s,
                    self.now_s,
                    self.state.mode,
                    self.state.planner,
                    current.observation,
                    current.diagnosis,
                    current.plan,
                    done,
                    effects,
                    7.3,
                )
            )
        )

    def turn(self, *actions: Action, effects: tuple[Effect, ...] = ()) -> "Story":
        """A whole cycle."""
        self.monitor().analyse().plan(*actions).enter(Phase.EXECUTE)
        for action in actions:
            self.write(action)
        return self.finish(*effects)


def starting() -> Story:
    story = Story().start()
    return story.tell(
        Progressed(0.1, "manifests", "3 services, 4 workloads, 4 edges"),
        Progressed(0.3, "envoy", "1.40 on 127.0.0.1:10000"),
        Progressed(0.6, "replicas", "5 of 8 ready"),
    )


def up() -> Story:
    return Story().start().come_up()


def healthy(mode: Mode = Mode.AUTO) -> Story:
    story = Story().start(mode).come_up().tell(RunningChanged(1.0, running=True))
    for _ in range(8):
        story.observe(5).turn()
    return story.observe(3)


def violated(mode: Mode = Mode.AUTO) -> Story:
    """The crowd has come; payments is the bottleneck. Analyse is done, Plan has not begun."""
    story = healthy(mode)
    story.observe(24)
    return story.tell(RunningChanged(story.now_s, running=False)).monitor().analyse()


def planned() -> Story:
    return violated().plan(Scale("payments", 4))


def executed() -> Story:
    return planned().enter(Phase.EXECUTE).write(Scale("payments", 4))


def recovered() -> Story:
    story = executed().finish().tell(RunningChanged(68.0, running=True))
    story.observe(6)
    effect = Effect(
        1,
        "orders",
        812.0,
        141.0,
        2.1,
        0.0,
        "p95 of orders fell from 812 ms to 141 ms after “scale payments to 4”; predicted 152 ms.",
        EXPECTED.latency_p95_ms,
        EXPECTED.error_percent,
    )
    story.turn(effects=(effect,))
    story.slowed = 1.6
    story.tell(FaultInjected(story.now_s, SlowDown("payments", 1.6)))
    story.observe(9)
    story.tell(
        Noticed(
            story.now_s,
            Severity.WARNING,
            "payments",
            "A replica of payments ended with signal 9; it is started again.",
        )
    )
    story.write(
        ShiftTraffic("recommendations", 2, (("food", 70), ("music", 40))), Origin.PERSON, Outcome.REJECTED
    )
    story.observe(4).turn()
    return story.observe(3)


def awaiting() -> Story:
    return violated(Mode.APPROVE).plan(Scale("payments", 4)).await_approval()


def failed() -> Story:
    story = starting()
    reason = "Port 10000 is in use by another program; choose another with --gateway-port."
    return story.tell(RunEnded(0.9, reason))
