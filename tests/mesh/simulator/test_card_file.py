import re
from dataclasses import replace
from pathlib import Path

import pytest

from marskit.demo import DEMO_MANIFESTS
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.simulator.card import CallFit, Card, Fitted, HeldOut, StationFit
from marskit.mesh.simulator.card_file import (
    CardError,
    demo_card,
    mesh_digest,
    read_card,
    shipped_card,
    write_card,
)
from marskit.mesh.simulator.compile import calibrated, twin_model

MODEL = twin_model(load_mesh(DEMO_MANIFESTS))
CARD = Card(
    runs=("20260101T000000Z-ab12", 'a "quoted" run'),
    stations={
        "orders": StationFit(service_ms=Fitted(10.1, 0.1 + 0.2, 40), start_s=Fitted(1.2, 0.0, 5)),
        "payments": StationFit(service_cv=Fitted(0.5, 0.01, 41)),
    },
    calls={("ingress", "orders"): CallFit(Fitted(1.0, 0.0, 30), Fitted(1 / 3, 0.2, 31))},
    held_out=(HeldOut("orders", 12, 3.25, 7.5),),
    crowding=Fitted(0.8125, 0.0625, 60),
)


def written(tmp_path: Path, card: Card = CARD) -> Path:
    path = tmp_path / "card.toml"
    write_card(path, card, MODEL)
    return path


def test_a_card_comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert read_card(written(tmp_path), MODEL) == CARD
    assert list(tmp_path.iterdir()) == [tmp_path / "card.toml"]
    assert read_card(written(tmp_path, Card(())), MODEL) == Card(())


def test_a_workload_may_have_a_name_that_toml_would_split(tmp_path: Path) -> None:
    station = replace(MODEL.stations[0], workload="orders.v1")
    model = replace(MODEL, stations=(station,), calls=())
    card = Card((), {"orders.v1": StationFit(service_ms=Fitted(1.0, 0.1, 5))})
    path = tmp_path / "card.toml"
    write_card(path, card, model)
    assert read_card(path, model) == card


def test_a_card_of_another_mesh_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    other = replace(MODEL, calls=MODEL.calls[:-1])
    assert mesh_digest(other) != mesh_digest(MODEL)
    # Replicas, weights and times are what a card is for: they make no other mesh.
    assert mesh_digest(calibrated(MODEL, CARD)) == mesh_digest(MODEL)
    with pytest.raises(CardError) as refused:
        read_card(path, other)
    assert str(refused.value) == (
        f"{path}: mesh is {mesh_digest(MODEL)}, so this card belongs to another mesh; the digest of these "
        "manifests, with orders, payments, recommendations-food, recommendations-music, is "
        f"{mesh_digest(other)}."
    )


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("format = 2", "format = 1", "format is 1; it must be a whole number from 2 to 2"),
        ("format = 2\n", "", "format is missing; it must be a whole number from 2 to 2"),
        (
            "value = 10.1",
            'value = "10"',
            'stations.orders.service_ms.value is "10"; it must be a number',
        ),
        (
            "value = 10.1",
            "value = 0.0",
            "stations.orders.service_ms.value is 0.0; it must be a number above",
        ),
        (
            "value = 10.1",
            "value = nan",
            "stations.orders.service_ms.value is nan; it must be a number",
        ),
        (
            "stderr = 0.01",
            "stderr = -1",
            "stations.payments.service_cv.stderr is -1; it must be a number",
        ),
        ("n = 40", "n = 0", "stations.orders.service_ms.n is 0; it must be a whole number from 1 to"),
        (
            "value = 1.0,",
            "value = 1.5,",
            "calls[0].per_request.value is 1.5; it must be a number from 0 to 1",
        ),
        (
            "service_cv",
            "cv",
            "stations.payments.cv is not a known field; known here: manifests, service_ms,",
        ),
        (
            "[stations.payments]",
            "[stations.cart]",
            "stations.cart is not a workload of this mesh; it has",
        ),
        (
            'source = "ingress"',
            'source = "cart"',
            'calls[0].service is "orders"; cart → orders is not a call',
        ),
        ("n = 12", "n = 1.5", "held_out[0].n is 1.5; it must be a whole number"),
        (
            'service = "orders"\nn',
            'service = "cart"\nn',
            'held_out[0].service is "cart"; it must be',
        ),
        ("runs = [", "runs = [3, ", "runs is [3, "),
        ("runs = [", "runs = ", "the calibration card is not TOML: "),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, before: str, after: str, complaint: str) -> None:
    path = written(tmp_path)
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(CardError, match=rf"^{re.escape(str(path))}(:\d+)?: {re.escape(complaint)}"):
        read_card(path, MODEL)


def test_a_call_may_be_there_once(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text() + '[[calls]]\nsource = "ingress"\nservice = "orders"\n')
    with pytest.raises(CardError, match="ingress → orders is twice in the card"):
        read_card(path, MODEL)


def test_a_card_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"none\.toml: the calibration card cannot be read: No such file"):
        read_card(tmp_path / "none.toml", MODEL)


def test_the_shipped_card_is_the_demos_and_good_enough_to_plan_with() -> None:
    card = demo_card()
    assert shipped_card(MODEL) == card
    assert shipped_card(replace(MODEL, calls=MODEL.calls[:-1])) is None
    assert len(card.runs) >= 4
    assert {error.service for error in card.held_out} == {"orders", "payments", "recommendations"}
    assert all(error.p95_error_percent <= 20 and error.n >= 100 for error in card.held_out)
    model = calibrated(MODEL, card)
    assert all(
        station.service_ms != own.service_ms
        for station, own in zip(model.stations, MODEL.stations, strict=True)
    )
