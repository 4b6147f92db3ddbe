import io
from dataclasses import replace

import pytest
from rich.console import Console

from marskit.console.calibration_card import card_view, with_error
from marskit.demo import DEMO_MANIFESTS
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.simulator.card import CallFit, Card, Fitted, HeldOut, StationFit
from marskit.mesh.simulator.compile import twin_model

MODEL = twin_model(load_mesh(DEMO_MANIFESTS))
CARD = Card(
    runs=("a", "b"),
    stations={"payments": StationFit(Fitted(39.81, 0.21, 40), Fitted(0.5011, 0.0097, 30))},
    calls={("orders", "payments"): CallFit(Fitted(0.9013, 0.0016, 40), Fitted(2.81, 0.38, 30))},
    held_out=(HeldOut("orders", 120, 3.5, 5.4), HeldOut("payments", 119, 12.0, 44.0)),
)


def written(card: Card, untold: tuple[str, ...] = ()) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=120)
    for part in card_view(card, MODEL, untold):
        console.print(part, highlight=False)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def squeezed(line: str) -> str:
    return " ".join(line.split())


def test_a_card_shows_every_number_beside_the_manifests_own() -> None:
    lines = written(CARD, ("The spread of orders: too little.",))
    assert lines[0] == "Calibration of the twin to 2 recorded runs"
    assert (
        squeezed(lines[2])
        == "workload service time ms manifests coeff. of variation manifests start s manifests"
    )
    assert squeezed(lines[3]) == "orders — 10 — 0.5 — 0.6"
    assert squeezed(lines[4]) == "payments 39.8 ± 0.2 40 0.501 ± 0.010 0.5 — 0.6"
    assert squeezed(lines[11]) == "orders → payments 0.901 ± 0.002 1 2.8 ± 0.4 2"
    assert lines[13].startswith("held out")
    assert lines[14] == "orders        120      3.5 %      5.4 %  █████░░░░░░░░░░░░░░░"
    assert lines[15] == "payments      119       12 %       44 %  ████████████████████"
    assert lines[-1] == "  The spread of orders: too little."


def test_a_card_tells_how_starts_slow_each_other() -> None:
    sentence = (
        "Each further replica that starts at the same time prolongs a start by 0.88 ± 0.04 of its length."
    )
    assert sentence in written(replace(CARD, crowding=Fitted(0.8812, 0.0401, 60)))
    assert not any("starts at the same time" in line for line in written(CARD))


def test_a_card_without_a_check_has_no_table_of_errors() -> None:
    assert not any("held out" in line for line in written(Card(())))


@pytest.mark.parametrize(
    ("fitted", "shown"),
    [
        (Fitted(39.81, 0.21, 9), "39.8 ± 0.2"),
        (Fitted(412.4, 31.0, 9), "412 ± 31"),
        (Fitted(1.0, 0.0, 9), "1"),
        (Fitted(0.9013, 0.0016, 9), "0.901 ± 0.002"),
        (Fitted(0.9013, 0.0000001, 9), "0.9013 ± 0.0000"),
    ],
)
def test_a_number_ends_where_its_error_begins(fitted: Fitted, shown: str) -> None:
    assert with_error(fitted) == shown
