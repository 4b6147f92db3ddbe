"""The whole program on a twin that becomes another mesh: found out, fitted anew, and planned with."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.live_loop import slowed
from marskit.assembly.settings import Settings
from marskit.demo import DEMO_MANIFESTS
from marskit.domain.events import Event, Noticed, Recalibrated, RunStarted
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.records import Cycle
from marskit.domain.state import fold
from marskit.knowledge.read.runs import load_run
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.simulator.card_file import demo_card, read_card
from marskit.mesh.simulator.compile import calibrated, twin_model

SLOWED_AFTER = 20
CYCLES = 70


def live(runs: Path, planner: str = "demand", *, recalibration: bool = True) -> list[Event]:
    """A run in which payments becomes 1.6 times slower after a while."""
    settings = Settings(
        mesh="twin", scenario="steady", planner=planner, seed=3, runs=runs, recalibration=recalibration
    )
    return slowed(settings, 1.6, after=SLOWED_AFTER, cycles=CYCLES)


def cycles_of(events: Sequence[Event]) -> list[Cycle]:
    return [event.cycle for event in events if isinstance(event, CycleCompleted)]


def found_in(events: Sequence[Event]) -> tuple[int, Recalibrated]:
    """The only recalibration, and after which cycle it came."""
    [place] = [n for n, event in enumerate(events) if isinstance(event, Recalibrated)]
    event = events[place]
    assert isinstance(event, Recalibrated)
    return len(cycles_of(events[:place])), event


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Event]]:
    runs = tmp_path_factory.mktemp("runs")
    return runs, live(runs)


def test_a_service_that_became_slower_is_planned_with_as_it_is(run: tuple[Path, list[Event]]) -> None:
    _, events = run
    after, told = found_in(events)
    assert SLOWED_AFTER < after <= SLOWED_AFTER + 40
    assert told.service == "payments"
    assert told.error_after_percent < 0.6 * told.error_before_percent
    plain = twin_model(load_mesh(DEMO_MANIFESTS))
    before, slowed = (f * calibrated(plain, demo_card()).station("payments").service_ms for f in (1.0, 1.6))
    assert f"the service time of payments from {before:.3g} to {slowed:.0f}"[:-1] in told.sentence
    # The rule that plans by the twin's numbers now gives payments what it needs.
    cycles = cycles_of(events)
    reasons = [c.plan.reason for c in cycles if not c.plan.reason.startswith("0 ")]
    busy = [float(reason.split("payments ")[1].split(" busy")[0]) for reason in reasons if "busy" in reason]
    rates = [float(reason.split(" requests")[0]) for reason in reasons if "busy" in reason]
    per_request = [b / r for b, r in zip(busy, rates, strict=True)]
    assert per_request[-1] == pytest.approx(1.6 * per_request[0], rel=0.1)


def test_it_is_part_of_the_record_with_the_whole_card(run: tuple[Path, list[Event]], tmp_path: Path) -> None:
    runs, events = run
    _, told = found_in(events)
    started = next(event for event in events if isinstance(event, RunStarted))
    stored = load_run(runs, started.run)
    incidents = [incident for record in stored.records for incident in record.incidents]
    assert [incident for incident in incidents if isinstance(incident, Recalibrated)] == [told]
    card = tmp_path / "card.toml"
    card.write_text(told.card)
    read = read_card(card, twin_model(load_mesh(DEMO_MANIFESTS)))
    assert read.version == told.version == 2
    assert read.renewal is not None
    assert read.renewal.run == started.run
    notices = fold(events).notices
    assert [notice.sentence for notice in notices if notice.subject == "twin"] == [told.sentence]


def test_the_same_seed_drifts_and_is_mended_the_same(run: tuple[Path, list[Event]], tmp_path: Path) -> None:
    after, told = found_in(run[1])
    again_after, again = found_in(live(tmp_path))
    # The card names its run, whose id differs.
    assert (again_after, again.at_s, again.sentence) == (after, told.at_s, told.sentence)


def test_without_recalibration_nothing_of_it_happens(tmp_path: Path) -> None:
    events = live(tmp_path, recalibration=False)
    assert not any(isinstance(event, Recalibrated) for event in events)
    assert not any(isinstance(event, Noticed) and event.subject == "twin" for event in events)


def test_predictions_are_those_of_the_new_card(run: tuple[Path, list[Event]], tmp_path: Path) -> None:
    """With the old card, the twin expects less of what is slow, unless it sees how busy it is."""
    after, _ = found_in(run[1])
    kept = cycles_of(live(tmp_path, recalibration=False))
    renewed = cycles_of(run[1])
    assert [c.plan.prediction for c in kept[:after]] == [c.plan.prediction for c in renewed[:after]]
    assert kept[after].plan.prediction != renewed[after].plan.prediction
