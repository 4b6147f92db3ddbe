"""Failures that must not stop the loop, reported once each."""

from marskit.controller.bus import Bus
from marskit.domain.diagnosis import Severity
from marskit.domain.events import Noticed
from marskit.timing.clock import Clock


class Notices:
    """Turns failures into notices; a repeated failure is reported again only after a success."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._told: dict[str, str] = {}

    def tell(self, subject: str, sentence: str, severity: Severity = Severity.WARNING) -> None:
        """Publish a notice."""
        self._bus.publish(Noticed(self._clock.now(), severity, subject, sentence))

    def failed(self, subject: str, what: str, error: BaseException) -> None:
        """Report a failure, unless it was the last one reported for the subject."""
        self.once(subject, f"{what}: {describe(error)}")

    def once(self, subject: str, sentence: str) -> None:
        """Report a sentence, unless it was the last one reported for the subject."""
        if self._told.get(subject) != sentence:
            self._told[subject] = sentence
            self.tell(subject, sentence)

    def worked(self, subject: str) -> None:
        """Note a success, so that the next failure is reported."""
        self._told.pop(subject, None)


def describe(error: BaseException) -> str:
    """The error in one line that ends like a sentence."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if text.endswith((".", "!", "?")) else f"{text}."
