"""What a run did not do of what it was asked."""

from dataclasses import replace

import pytest

from marskit.domain.events import Event, LoadLost, LoadRestored, Source, TelemetryLost, TelemetryRestored
from marskit.domain.load import ClientCounts, LoadSample, LoadStatus, RequestFailure
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.records import Cycle
from marskit.domain.shortfall import ShortfallKind
from marskit.domain.state import State, fold
from tests.knowledge.cycles import cycle

KINDS = [kind for kind in RequestFailure if kind is not RequestFailure.NOT_SENT]
GOOD = ClientCounts(20, 19, ((RequestFailure.STATUS_5XX, 1),))
STARVED = ClientCounts(4, 0, ((RequestFailure.NOT_SENT, 4),))
QUIET = ClientCounts()


def counted(number: int, client: ClientCounts | None) -> Cycle:
    done = cycle(number)
    return replace(done, client=client, observation=replace(done.observation, load=None))


def after(*clients: ClientCounts | None) -> State:
    return fold(CycleCompleted(counted(number, client)) for number, client in enumerate(clients, 1))


def kinds(state: State) -> list[ShortfallKind]:
    return [each.kind for each in state.account.shortfalls(state.now_s)]


@pytest.mark.parametrize("clients", [(), (GOOD,) * 5, (GOOD, STARVED, GOOD), (None,) * 5, (QUIET,) * 5])
def test_a_run_that_did_what_it_was_asked_has_none(clients: tuple[ClientCounts, ...]) -> None:
    assert kinds(after(*clients)) == []


def test_a_load_that_sends_nothing_is_known_after_two_cycles() -> None:
    assert kinds(after(STARVED)) == []
    (short,) = after(GOOD, STARVED, STARVED).account.shortfalls(9.0)
    assert (short.kind, short.fails) == (ShortfallKind.STARVED, True)
    assert short.sentence == "No request was sent in 2 of 3 cycles, first in cycle 2."


def test_so_is_one_that_does_not_even_draw_requests() -> None:
    load = LoadSample(1.0, LoadStatus.RUNNING, 0, 1.0, 1.0, 40.0, 0.0, 0.0)
    done = [counted(number, QUIET) for number in (1, 2)]
    state = fold(
        CycleCompleted(replace(each, observation=replace(each.observation, load=load))) for each in done
    )
    assert kinds(state) == [ShortfallKind.STARVED]


@pytest.mark.parametrize("kind", KINDS)
def test_a_mesh_that_answers_nothing_is_known_after_two_cycles(kind: RequestFailure) -> None:
    nothing = ClientCounts(20, 0, ((kind, 18),))
    assert kinds(after(GOOD, nothing)) == []
    assert kinds(after(GOOD, nothing, nothing, GOOD)) == [ShortfallKind.UNSERVED]


def test_requests_that_never_end_are_not_served() -> None:
    assert kinds(after(ClientCounts(20), ClientCounts(20))) == [ShortfallKind.UNSERVED]


def test_cycles_without_requests_neither_make_nor_break_a_row() -> None:
    assert kinds(after(STARVED, QUIET, STARVED)) == [ShortfallKind.STARVED]


def test_lost_telemetry_is_summed_up_and_counted_once_for_both_sources() -> None:
    mesh = TelemetryLost(12.0, Source.MESH, 10.0, "lost")
    load = TelemetryLost(13.0, Source.LOAD, 11.0, "lost")
    state = fold([mesh, load, TelemetryRestored(20.0, Source.MESH, 10.0, "back")])
    (short,) = state.account.shortfalls(25.0)
    assert short.sentence.startswith("Telemetry was lost for 15.0 s")
    state = fold([TelemetryRestored(30.0, Source.LOAD, 19.0, "back")], state)
    (short,) = state.account.shortfalls(99.0)
    assert short.sentence.startswith("Telemetry was lost for 20.0 s")


@pytest.mark.parametrize("restored", [True, False])
def test_a_lost_load_fails_the_run_unless_it_came_back(*, restored: bool) -> None:
    events: list[Event] = [LoadLost(3.0, "gone"), *([LoadRestored(4.0, 7, "back")] if restored else [])]
    (short,) = fold(events).account.shortfalls(9.0)
    assert (short.kind, short.fails) == (ShortfallKind.LOAD_LOST, not restored)
