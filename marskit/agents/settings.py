"""Settings that a planner has made because of a fault, until their causes have gone."""

from collections.abc import Iterable
from dataclasses import dataclass

from marskit.agents.remedies import Remedy, is_gone, present
from marskit.domain.actions import Action, SetOutlierDetection, SetRetries, describe, target
from marskit.domain.config import OutlierDetection, Retries
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.plan import Candidate
from marskit.planning import PlanningView

CALM_CYCLES = 8
"""Number of consecutive cycles without its cause after which a setting is taken back."""

Key = tuple[type[Action], str]


@dataclass(slots=True)
class _InForce:
    """A setting made by this planner, and the one before it."""

    ours: Action
    before: Action
    calm_cycles: int = 0


class SettingsInForce:
    """Remembers the settings that a planner has made, and what was set before."""

    def __init__(self) -> None:
        self._in_force: dict[Key, _InForce] = {}

    def follow(self, diagnosis: Diagnosis, view: PlanningView) -> None:
        """Forget settings that others have changed since, and count the cycles without each cause."""
        for key, setting in tuple(self._in_force.items()):
            if present(setting.ours, view.configuration) != setting.ours:
                del self._in_force[key]
                continue
            gone = is_gone(setting.ours, diagnosis, view)
            if gone is not None:
                setting.calm_cycles = setting.calm_cycles + 1 if gone else 0

    def wanted(self, remedies: Iterable[Remedy], view: PlanningView, taken: set[str]) -> list[Candidate]:
        """Remedies that are not set yet, one for each target, because the shield allows only one.

        `taken` is the targets that change in this cycle; those of the remedies are added to it.
        """
        found = []
        for remedy in remedies:
            key = type(remedy.action), target(remedy.action)
            now = present(remedy.action, view.configuration)
            ours = self._in_force.get(key)
            if key[1] in taken or now == remedy.action or (ours and not _is_stronger(remedy.action, now)):
                continue
            taken.add(key[1])
            self._in_force[key] = _InForce(remedy.action, ours.before if ours else now)
            found.append(Candidate((remedy.action,), remedy.reason))
        return found

    def back(self, taken: set[str]) -> list[Candidate]:
        """The settings whose causes have been gone for long enough, except on targets that change anyway."""
        return [
            Candidate(
                (setting.before,),
                f"The cause of “{describe(setting.ours)}” has been gone for {setting.calm_cycles} cycles: it "
                "is taken back.",
            )
            for setting in self._in_force.values()
            if setting.calm_cycles >= CALM_CYCLES and target(setting.before) not in taken
        ]


def _is_stronger(action: Action, now: Action) -> bool:
    """Whether more retries or ejections are needed than are set; other differences are not worth a change."""
    match action, now:
        case SetRetries(retries=Retries(wanted)), SetRetries(retries=Retries(attempts)):
            return wanted > attempts
        case (
            SetOutlierDetection(outlier_detection=OutlierDetection(max_ejection_percent=wanted)),
            SetOutlierDetection(outlier_detection=OutlierDetection(max_ejection_percent=percent)),
        ):
            return wanted > percent
        case _:
            return False
