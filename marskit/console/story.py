"""A run in lines of text, cycle by cycle: the same words live and from the record."""

from collections.abc import Iterable, Iterator, Sequence

from rich.text import Text

from marskit import text
from marskit.domain.actions import describe
from marskit.domain.diagnosis import Severity, SloStatus
from marskit.domain.events import (
    BaselinesLoaded,
    ConfigurationChanged,
    FaultEnded,
    FaultInjected,
    LoadLost,
    LoadRestored,
    Noticed,
    Recalibrated,
    RunStarted,
    ScenarioChanged,
    TelemetryLost,
    TelemetryRestored,
)
from marskit.domain.faults import describe_fault
from marskit.domain.load import UNANSWERED, ClientCounts
from marskit.domain.loop_events import CycleNotStored, ModeChanged, PlannerChanged
from marskit.domain.observation import MeshCounts
from marskit.domain.records import Cycle, Effect, Execution, Origin, Outcome
from marskit.domain.shortfall import Shortfall
from marskit.domain.topology import GATEWAY
from marskit.knowledge.port import Incident
from marskit.knowledge.record import Figures, Record
from marskit.views.similar import similar_sentence

_INDENT = " " * 15
_VERDICT = {True: ("met", "green"), False: ("VIOLATED", "bold red"), None: (text.NOTHING, "dim")}
_OUTCOME_STYLE = {
    Outcome.APPLIED: "green",
    Outcome.REJECTED: "red",
    Outcome.UNKNOWN: "yellow",
    Outcome.WITHHELD: "yellow",
}
_WHO = {
    Origin.PLANNER: "",
    Origin.PERSON: " by a person",
    Origin.UNDO: " as an undo",
    Origin.GUARD: " as a rollback",
}
_SEVERITY_STYLE = {Severity.INFO: "dim", Severity.WARNING: "yellow", Severity.CRITICAL: "red"}

DIFFER_SHARE = 0.01
"""Share of the requests by which clients and mesh may differ: some are under way when both are read."""
COLUMNS = Text(
    f"{'cycle':>5}  {'time':>6}  {'actual/offered req/s':>20}  {'p95':>8} {'(n)':<7} {'errors':>7}  "
    f"{'SLO':<8}  {'ready':>6}",
    style="bold",
)
"""The heads of the columns of `cycle_line`."""


def run_line(run: RunStarted) -> Text:
    """The run's name, scenario, planner and settings."""
    return Text.assemble(
        ("run ", "dim"),
        (run.run, "bold"),
        f": {run.scenario.name} ({run.scenario.title}) on the {run.mesh} mesh, planner {run.planner}, "
        f"mode {run.mode}, seed {run.seed}, a cycle every {run.period_s:g} s",
        f", branched from run {run.parent.run} at cycle {run.parent.cycle}" if run.parent else "",
    )


def cycle_lines(cycle: Cycle) -> Iterator[Text]:
    """One cycle: the observation in one line, then the plan, its executions and measured effects."""
    yield cycle_line(cycle)
    if cycle.plan.proposed:
        yield _detail("plan", cycle.plan.reason)
    yield from (_detail("shield", change.sentence, "yellow") for change in cycle.plan.shield)
    if cycle.plan.actions:
        yield from (_detail("like", similar_sentence(similar), "dim") for similar in cycle.plan.similar)
    for execution in cycle.executions:
        yield from execution_lines(execution)
    yield from map(effect_line, cycle.effects)


def cycle_line(cycle: Cycle) -> Text:
    """The observation of one cycle, and Analyse's sentence."""
    observation, load = cycle.observation, cycle.observation.load
    status = _worst_status(cycle)
    sent = (
        f"{_whole(load.sent_requests_per_s)}/{_whole(load.offered_requests_per_s)}" if load else text.NOTHING
    )
    p95_ms, n = (status.latency_p95_ms, status.latency_n) if status else (None, 0)
    ready = text.total(workload.replicas_ready for workload in observation.workloads)
    desired = sum(workload.replicas_desired for workload in observation.workloads)
    verdict, style = _VERDICT[cycle.diagnosis.slo_met]
    return Text.assemble(
        f"{cycle.id:>5}  {text.clock(cycle.started_at_s):>6}  {sent:>20}  {text.ms(p95_ms):>8} "
        f"{f'({n})':<7} {text.percent(_error_percent(cycle)):>7}  ",
        (f"{verdict:<8}", style),
        f"  {text.replicas(ready, desired):>6}  {cycle.diagnosis.sentence}",
    )


def _whole(value: float | None) -> str:
    return text.NOTHING if value is None else f"{value:.0f}"


def execution_lines(execution: Execution) -> Iterator[Text]:
    """The action, its origin and outcome, and the command that does the same."""
    who = _WHO[execution.origin]
    yield Text.assemble(
        f"{_INDENT}{'action':<7}",
        (f"{execution.id}: {describe(execution.action)}{who}", "bold"),
        ", ",
        (execution.outcome.value, _OUTCOME_STYLE[execution.outcome]),
        f" ({execution.reason})",
    )
    if execution.command:
        yield _detail("", f"$ {execution.command}", "cyan")


def effect_line(effect: Effect) -> Text:
    """The measured effect of an earlier execution."""
    return _detail("effect", f"of action {effect.execution}: {effect.sentence}")


def incident_line(incident: Incident) -> Text:
    """An event between two cycles."""
    match incident:
        case FaultInjected(at_s, fault):
            sentence, style = f"fault injected by a person: {describe_fault(fault)}", "magenta"
        case FaultEnded(at_s, fault):
            sentence, style = f"over without a person: {describe_fault(fault)}", "magenta"
        case ScenarioChanged(at_s, scenario):
            sentence, style = f"the scenario is now {scenario.name}", "magenta"
        case ModeChanged(at_s, mode):
            sentence, style = f"the mode is now {mode}", "magenta"
        case PlannerChanged(at_s, planner):
            sentence, style = f"the planner is now {planner}", "magenta"
        case BaselinesLoaded(at_s, found):
            numbers, runs = text.plural(len(found.rows), "baseline"), text.plural(found.runs, "earlier run")
            sentence, style = f"{numbers} from {runs}", "dim"
        case ConfigurationChanged(at_s, sentence=sentence):
            sentence, style = f"configuration: {sentence}", "magenta"
        case TelemetryLost(at_s, source, sentence=sentence):
            sentence, style = f"{source}: {sentence}", "bold red"
        case TelemetryRestored(at_s, source, sentence=sentence):
            sentence, style = f"{source}: {sentence}", "green"
        case LoadLost(at_s, sentence):
            sentence, style = f"load: {sentence}", "bold red"
        case LoadRestored(at_s, sentence=sentence):
            sentence, style = f"load: {sentence}", "green"
        case CycleNotStored(at_s, _, sentence):
            sentence, style = f"knowledge: {sentence}", "bold red"
        case Recalibrated(at_s, sentence=sentence):
            sentence, style = f"twin: {sentence}", "cyan"
        case Noticed(at_s, severity, subject, sentence):
            sentence, style = f"{subject}: {sentence}", _SEVERITY_STYLE[severity]
    return Text(f"{'':>5}  {text.clock(at_s):>6}  {sentence}", style)


def figures_lines(figures: Figures, *, slo_met_at_end: bool | None) -> Iterator[Text]:
    """The headline figures together, and the final SLO verdict."""
    scenario = f"{figures.violation_minutes:.2f} scenario minutes"
    yield Text.assemble(
        (text.plural(figures.cycles, "cycle"), "bold"), f" over {text.duration(figures.duration_s)}"
    )
    for name, value in (
        (
            "SLO-violation minutes",
            f"{scenario}, any service ({figures.violation_real_s:.0f} s of mesh time)",
        ),
        ("replica-minutes", f"{figures.replica_minutes:.1f}"),
        ("failed requests", str(figures.failed_requests)),
        ("actions", str(figures.actions)),
    ):
        yield Text.assemble(f"  {name:<22} ", (value, "bold"))
    ending = {True: "met", False: "violated", None: "too few requests to judge"}[slo_met_at_end]
    yield Text.assemble(f"  {'SLO at the end':<22} ", (ending, _VERDICT[slo_met_at_end][1]))


def shortfall_lines(shortfalls: Iterable[Shortfall]) -> Iterator[Text]:
    """What a run did not do of what it was asked, one line each."""
    for each in shortfalls:
        yield Text(f"{'✖' if each.fails else '!'} {each.sentence}", "bold red" if each.fails else "yellow")


def count_lines(records: Sequence[Record]) -> Iterator[Text]:
    """The users' requests as their clients counted them beside what the mesh counted, and why they differ."""
    clients = [record.cycle.client for record in records if record.cycle.client is not None]
    if not clients:
        return
    client = ClientCounts()
    for each in clients:
        client = client.plus(each)
    mesh = MeshCounts()
    for record in records:
        mesh = mesh.plus(record.cycle.entered or MeshCounts())
    for name, value in (
        ("due", f"{client.offered}, of which {client.sent} were sent and have ended"),
        ("failed for clients", f"{client.failed} of {client.offered}"),
        ("failed in the mesh", f"{mesh.failures} of {mesh.requests} that it counted"),
    ):
        yield Text.assemble(f"  {name:<22} ", (value, "bold"))
    for kind, count in client.failures:
        yield Text(f"  {'':<22} {count} {kind}", "yellow")
    missing = client.sent - mesh.requests
    if abs(missing) > DIFFER_SHARE * max(client.sent, 1):
        more = f"{missing} more than the mesh" if missing > 0 else f"{-missing} fewer than the mesh"
        yield Text(f"  {'':<22} clients counted {more}: {_why_apart(client, mesh)}", "yellow")


def _why_apart(client: ClientCounts, mesh: MeshCounts) -> str:
    """What the difference between the clients' number of requests and the mesh's consists of."""
    if client.sent < mesh.requests:
        return "retries or other clients"
    answered = client.answered - mesh.requests - mesh.unrouted
    resets = f"answered just before the mesh's counters began at 0 again ({text.plural(mesh.resets, 'time')})"
    reasons = [
        (mesh.unrouted, "answered by the gateway itself"),
        (client.of(*UNANSWERED), "without an answer"),
        (answered, resets if mesh.resets else "not explained"),
    ]
    return ", ".join(f"{count} {reason}" for count, reason in reasons if count > 0)


def _detail(head: str, sentence: str, style: str = "") -> Text:
    return Text.assemble(f"{_INDENT}{head:<7}", (sentence, style))


def _worst_status(cycle: Cycle) -> SloStatus | None:
    """The violated SLO, or else the first one."""
    slos = cycle.diagnosis.slos
    return next((slo for slo in slos if slo.met is False), slos[0] if slos else None)


def _error_percent(cycle: Cycle) -> float | None:
    """The share of the users' requests that failed, in percent."""
    entrances = [edge for edge in cycle.observation.edges if edge.edge.source == GATEWAY]
    requests_per_s = sum(edge.requests_per_s for edge in entrances)
    failures_per_s = sum(edge.failures_per_s for edge in entrances)
    return 100.0 * failures_per_s / requests_per_s if requests_per_s > 0 else None
