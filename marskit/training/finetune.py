"""Fine-tuning: a policy continues to learn from recorded runs, in the twin calibrated from them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from marskit.agents.policy_file import Policy, check_fits, load_policy
from marskit.calibration.calibrate import check_mesh
from marskit.calibration.renew import calibrated_by
from marskit.domain.goals import Goals
from marskit.domain.training import Judged, Saved, Update
from marskit.env.encoding import encoding
from marskit.env.vector import EnvSettings, MeshVectorEnv
from marskit.knowledge.read.runs import StoredRun
from marskit.mapek.plan.shield_rules import ShieldLimits
from marskit.mesh.simulator.card import Card
from marskit.mesh.simulator.compile import calibrated
from marskit.mesh.simulator.model import TwinModel
from marskit.training.learn import Budget, Learner
from marskit.training.promote import PolicyComparison, Replays, digest, former_of, promote
from marskit.training.recorded import Transitions
from marskit.training.resume import acting
from marskit.training.settings import TrainingError, TrainingSettings

HELD_OUT_SHARE = 0.3
"""Share of the runs, the last ones, that is kept out of learning."""
SLOWER = 0.3
"""Factor on the usual learning rate: there is less to learn, and something to lose."""
LOG_STD = -1.5
"""Logarithm of PPO's exploration noise: half of a new training's."""


@dataclass(frozen=True, slots=True)
class FineTuning:
    """Everything that a fine-tuning needs."""

    path: Path
    """The policy file, which a better policy replaces."""
    policy: Policy
    instead_of: str
    """The digest of the policy."""
    learned_from: tuple[StoredRun, ...]
    held_out: tuple[StoredRun, ...]
    model: TwinModel
    """The twin calibrated from the runs to learn from."""
    goals: Goals
    settings: TrainingSettings
    seed: int

    def learner(self, recorded: Callable[[MeshVectorEnv], Transitions]) -> Learner:
        """The learner that continues from the policy; `recorded` returns the recorded steps to learn from."""
        algorithm = self.policy.algorithm
        return Learner(
            algorithm,
            self.model,
            self.goals,
            _careful(self.settings),
            seed=self.seed,
            resume=self.policy,
            recorded=recorded if algorithm == "sac" else None,
        )

    def train(
        self, learner: Learner, budget: Budget, report: Callable[[Update], None], stopped: Callable[[], bool]
    ) -> None:
        """Continue to learn, and replace the policy if the result is better on loads kept out of learning.

        Raises:
            PolicyError: The file has changed meanwhile.
        """
        judged, policy = self.judge(learner.train(budget, report, stopped))
        report(judged)
        if judged.promoted:
            report(Saved(str(self.path), policy.card))

    def judge(self, candidate: Policy) -> tuple[Judged, Policy]:
        """Compare the candidate with the policy and save it if it is better.

        Raises:
            PolicyError: The file has changed meanwhile.
        """
        environment = EnvSettings(**asdict(self.settings.environment))
        replays = Replays(self.model, self.goals, environment, self.held_out, seed=self.seed)
        found = replays.compare(acting(candidate), acting(self.policy))
        if found.is_better:
            candidate = replace(candidate, card=candidate.card | {"fine_tuned": self._provenance(found)})
            promote(self.path, candidate, instead_of=self.instead_of)
        return _judged(found, self.path), candidate

    def _provenance(self, found: PolicyComparison) -> dict[str, object]:
        return {
            "from": self.instead_of,
            "runs": [run.started.run for run in self.learned_from],
            "held_out": [run.started.run for run in self.held_out],
            "utility_difference_per_s": round(found.difference_per_s, 4),
            "utility_difference_per_s_95": [round(found.low, 4), round(found.high, 4)],
            "replays": found.replays,
        }


def prepare(
    path: Path,
    runs: Sequence[StoredRun],
    plain: TwinModel,
    card: Card | None,
    goals: Goals,
    settings: TrainingSettings,
    *,
    seed: int,
) -> FineTuning:
    """Check and read everything that a fine-tuning needs.

    Raises:
        PolicyError: The policy cannot be read, or belongs to another mesh.
        TrainingError: There are fewer than two runs with cycles.
        CalibrationError: A run belongs to another mesh.
    """
    policy = load_policy(path)
    for run in runs:
        check_mesh(plain, run)
    usable = sorted((run for run in runs if len(run.records) > 1), key=lambda run: run.started_at)
    if len(usable) < 2:
        raise TrainingError(
            f"--from-runs names {len(usable)} with more than one cycle; fine-tuning needs at least two: some "
            "to learn from, and the last ones to judge by"
        )
    kept = max(1, round(HELD_OUT_SHARE * len(usable)))
    learned_from, held_out = usable[:-kept], usable[-kept:]
    model = calibrated(plain, calibrated_by(plain, card, learned_from))
    check_fits(policy, encoding(model, ShieldLimits(), period_scenario_s=15.0), path)
    return FineTuning(
        path, policy, digest(path), tuple(learned_from), tuple(held_out), model, goals, settings, seed
    )


def _careful(settings: TrainingSettings) -> TrainingSettings:
    ppo, sac = settings.ppo, settings.sac
    return replace(
        settings,
        ppo=replace(ppo, learning_rate=SLOWER * ppo.learning_rate, log_std_init=LOG_STD),
        sac=replace(sac, learning_rate=SLOWER * sac.learning_rate),
    )


def _judged(found: PolicyComparison, path: Path) -> Judged:
    what = (
        f"On {found.replays} replays of {found.loads} recorded loads kept out of learning, the utility "
        f"changed by {found.difference_per_s:+.2f} per second (95 %: {found.low:+.2f} to {found.high:+.2f})"
    )
    done = f"the policy was replaced; the former one is kept as {former_of(path).name}"
    ending = done if found.is_better else "this is not a proven gain, so the policy is unchanged"
    return Judged(found.is_better, found.difference_per_s, found.low, found.high, f"{what}: {ending}.")
