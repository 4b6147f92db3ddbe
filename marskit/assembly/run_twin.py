"""The twin of a run: its card, and its new card after the mesh has drifted."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from marskit.agents.preview import TwinPredictor
from marskit.domain.events import Recalibrated, RunStarted
from marskit.knowledge.record import Record
from marskit.planning import Planner

if TYPE_CHECKING:
    from marskit.calibration.drift import DriftDetector
    from marskit.mesh.simulator.card import Card
    from marskit.mesh.simulator.model import TwinModel

REMEMBERED = 600
"""Number of cycles kept: a drift that began earlier is fitted to the newest of them."""


@runtime_checkable
class KnowsTwin(Protocol):
    """A planner that plans with the twin's numbers."""

    def renew(self, model: "TwinModel") -> None:
        """Continue with this model."""
        ...


class Twin:
    """The model that a run predicts and plans with, made on demand.

    `card` raises UserError if the twin cannot model the mesh, and so do the methods.
    """

    def __init__(
        self,
        plain: "Callable[[], TwinModel]",
        card: "Callable[[], Card | None]",
        errors: "Callable[[Card | None, TwinModel], Mapping[str, float | None]]",
    ) -> None:
        """Take the parts of the twin.

        Args:
            plain: Makes the model from the manifests alone.
            card: Reads the card that the run begins with.
            errors: Returns the p95 error of a card's model by service, in percent.
        """
        self.plain = plain
        self._first_card = card
        self._errors = errors
        self._renewed: Card | None = None

    def card(self) -> "Card | None":
        """The card in force."""
        return self._renewed or self._first_card()

    def model(self) -> "TwinModel":
        """The mesh with the card in force."""
        return self.with_errors()[0]

    def with_errors(self) -> "tuple[TwinModel, Mapping[str, float | None]]":
        """The mesh with the card in force, and its p95 error by service."""
        from marskit.mesh.simulator.compile import calibrated

        card, model = self.card(), self.plain()
        model = calibrated(model, card) if card else model
        return model, self._errors(card, model)

    def use(self, card: "Card") -> None:
        """Continue with this card."""
        self._renewed = card


class TwinRecalibration:
    """Watches one run for drift; see `marskit.controller.watchers.drift.Recalibration`."""

    def __init__(self, twin: Twin, preview: TwinPredictor) -> None:
        self._twin = twin
        self._preview = preview
        self._run: RunStarted
        self._watch: DriftDetector
        self._records: list[Record] = []
        self._found: Card | None = None

    def begin(self, run: RunStarted) -> None:
        """Compare this run's cycles with the twin from now on."""
        from marskit.calibration.drift import DriftDetector

        model, errors = self._twin.with_errors()
        self._run = run
        self._watch = DriftDetector(model, _known(errors), run.goals)

    def see(self, record: Record) -> Recalibrated | str | None:
        """Take one more cycle; returns a new card after a drift, once enough windows show the new state."""
        from marskit.calibration.drift import unannounced
        from marskit.calibration.renew import Kept, renew
        from marskit.knowledge.read.runs import StoredRun
        from marskit.mesh.simulator.card_file import card_text
        from marskit.mesh.simulator.compile import calibrated

        self._records += unannounced([record])
        del self._records[:-REMEMBERED]
        self._watch.see(self._records)
        if self._watch.drift is None:
            return None
        plain, card = self._twin.plain(), self._twin.card()
        run = StoredRun(self._run, datetime.now(UTC), tuple(self._records), ())
        found = renew(plain, card, self._run.goals, run, self._watch.drift)
        if found is None:
            return None
        if isinstance(found, Kept):
            # From the beginning: a continuing drift is found again, with more windows to show it.
            self._watch.begin(calibrated(plain, card) if card else plain, self._watch.error_percent)
            return found.sentence
        self._found = found.card
        renewal = found.card.renewal
        assert renewal is not None
        return Recalibrated(
            at_s=record.cycle.ended_at_s,
            version=found.card.version,
            service=renewal.drifted,
            error_before_percent=renewal.error_before_percent,
            error_after_percent=renewal.error_after_percent,
            card=card_text(found.card, plain),
            sentence=f"{self._watch.drift.sentence}. {found.sentence}",
        )

    def adopt(self, planner: Planner) -> None:
        """Predict and plan with the new card."""
        assert self._found is not None
        self._twin.use(self._found)
        model, errors = self._twin.with_errors()
        self._watch.begin(model, _known(errors))
        self._preview.renew(model, errors)
        if isinstance(planner, KnowsTwin):
            planner.renew(model)


def _known(errors: Mapping[str, float | None]) -> dict[str, float]:
    return {service: percent for service, percent in errors.items() if percent is not None}
