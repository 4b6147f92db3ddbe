"""Which numbers the twin uses where the manifests have changed since a card was fitted.

A card that the user chose is used whole. Of the shipped card, no number is used that an edited manifest
contradicts: the manifests are the single source of truth.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from marskit.domain.topology import GATEWAY
from marskit.mesh.simulator.card import Card, Edit, StationFit
from marskit.mesh.simulator.card_file import read_card, shipped_card
from marskit.mesh.simulator.model import TwinModel


@dataclass(frozen=True, slots=True)
class CardChoice:
    """The card to use, and how the manifests differ from those that it was fitted to."""

    card: Card | None
    remarks: tuple[str, ...] = ()
    """One sentence for each number."""


def choose_card(model: TwinModel, path: Path | None) -> CardChoice:
    """The card in the file, or without a file the shipped one as far as it fits these manifests.

    Args:
        model: The mesh by its manifests alone.
        path: The card that the user chose; None if the user chose none.

    Raises:
        CardError: The file cannot be used.
    """
    if path is not None:
        card = read_card(path, model)
        return CardChoice(card, tuple(_overridden(edit, card, path) for edit in card.edits))
    shipped = shipped_card(model)
    if shipped is None:
        return CardChoice(None)
    return CardChoice(_without_edited(shipped, model), tuple(map(_ignored, shipped.edits)))


def _without_edited(card: Card, model: TwinModel) -> Card:
    """The card without fits of edited numbers, and without accuracies that rest on them."""
    stations = dict(card.stations)
    for edit in card.edits:
        fit = stations[edit.workload]
        stations[edit.workload] = (
            replace(fit, service_ms=None)
            if edit.variable == "SERVICE_TIME_MS"
            else replace(fit, service_cv=None)
        )
    edited = _with_callers({edit.service for edit in card.edits}, model)
    held_out = tuple(held for held in card.held_out if held.service not in edited)
    return replace(card, stations=stations, held_out=held_out)


def _with_callers(services: set[str], model: TwinModel) -> set[str]:
    """The services and everything that calls them, directly or not: their latency depends on theirs."""
    found = set(services)
    service_of = {station.workload: station.service for station in model.stations}
    while True:
        callers = {
            service_of[call.source]
            for call in model.calls
            if call.service in found and call.source != GATEWAY
        }
        if callers <= found:
            return found
        found |= callers


def _ignored(edit: Edit) -> str:
    return (
        f"{_changed(edit)} the shipped calibration card was fitted to. The twin uses {edit.now:g}; how well "
        f"it predicts {edit.service} and its callers is unknown until you calibrate it."
    )


def _overridden(edit: Edit, card: Card, path: Path) -> str:
    fit = card.stations.get(edit.workload, StationFit())
    fitted = fit.service_ms if edit.variable == "SERVICE_TIME_MS" else fit.service_cv
    used = f"the card's {fitted.value:.4g}" if fitted else f"{edit.now:g}, for the card has no number"
    return f"{_changed(edit)} {path} was fitted to. The twin uses {used}."


def _changed(edit: Edit) -> str:
    return f"{edit.variable} of {edit.workload} is {edit.now:g}, but was {edit.then:g} in the manifests that"
