"""Whether a policy may replace another: both are compared on the same recorded loads and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from marskit.agents.policy_file import Policy, PolicyError, save_policy
from marskit.calibration.error import CalibrationError
from marskit.calibration.rerun import course
from marskit.domain.goals import Goals
from marskit.env.step import utility_of
from marskit.env.vector import EnvSettings, MeshVectorEnv
from marskit.knowledge.read.runs import StoredRun
from marskit.mapek.monitor.measures import entry_rate
from marskit.mesh.simulator.arrays import Floats
from marskit.mesh.simulator.model import TwinModel
from marskit.system.atomic_write import write_durably
from marskit.training.rules import VectorRule

SEEDS = 16
"""Number of replays of each recorded load, each with slightly different meshes and other noise."""
_RESAMPLES = 4000


@dataclass(frozen=True, slots=True)
class PolicyComparison:
    """The comparison of two policies on replays: the candidate's utility per second less the incumbent's."""

    difference_per_s: float
    low: float
    high: float
    """Bounds of a 95 % interval."""
    loads: int
    replays: int

    @property
    def is_better(self) -> bool:
        """Whether the candidate is better beyond chance."""
        return self.low > 0.0


class Replays:
    """The loads of recorded runs, in the twin, for any rule."""

    def __init__(
        self, model: TwinModel, goals: Goals, settings: EnvSettings, runs: Sequence[StoredRun], *, seed: int
    ) -> None:
        curves = [recorded_rates(run, settings.period_s) for run in runs]
        self._lengths = np.array([len(curve) // 2 for curve in curves])
        periods = int(self._lengths.max())
        # One more than is played: the step that ends an episode shows the beginning of the next.
        room = 2 * (periods + 1)
        padded = [np.pad(curve, (0, room - len(curve)), mode="edge") for curve in curves]
        self._rates = np.stack(padded, axis=1)
        self._env = MeshVectorEnv(
            model,
            goals,
            len(curves) * SEEDS,
            settings=replace(settings, periods=periods + 1),
        )
        self._seed = seed

    def utilities(self, rule: VectorRule) -> Floats:
        """(loads, SEEDS) utility per second, the mean over each load's periods."""
        env, loads = self._env, len(self._lengths)
        observation, _ = env.reset(seed=self._seed, options={"rates": np.repeat(self._rates, SEEDS, axis=1)})
        lengths = np.repeat(self._lengths, SEEDS)
        total = np.zeros(env.num_envs)
        for period in range(int(lengths.max())):
            observation, *_ = env.step(rule(env, observation))
            total += np.where(period < lengths, utility_of(env.run.terms), 0.0)
        return np.asarray((total / lengths).reshape(loads, SEEDS))

    def compare(self, candidate: VectorRule, incumbent: VectorRule) -> PolicyComparison:
        """Both on all replays, paired by load, mesh and noise."""
        return verdict(self.utilities(candidate) - self.utilities(incumbent))


def verdict(differences: Floats) -> PolicyComparison:
    """The verdict from (loads, seeds) paired differences.

    A two-stage bootstrap (Davison & Hinkley 1997, *Bootstrap Methods*, 3.8) resamples loads and the seeds of
    each, because replays of one load are more alike than those of several.
    """
    rng = np.random.default_rng(0)
    loads, seeds = differences.shape
    drawn = rng.integers(loads, size=(_RESAMPLES, loads, 1))
    means = differences[drawn, rng.integers(seeds, size=(_RESAMPLES, loads, seeds))].mean(axis=(1, 2))
    low, high = np.quantile(means, (0.025, 0.975))
    return PolicyComparison(float(differences.mean()), float(low), float(high), loads, loads * seeds)


def recorded_rates(run: StoredRun, period_s: float) -> Floats:
    """(2 P,) requests per second in the first and in the second half of every control period of a run.

    The arrivals if the run's scenario and seed determine them; else the rates that its cycles observed.
    """
    half_s = period_s / 2
    observations = [record.cycle.observation for record in run.records]
    end_s = observations[-1].at_s
    try:
        arrivals_s = np.array(course(run).arrivals_s)
    except CalibrationError:
        ends_s = np.array([o.at_s - o.window_s / 2 for o in observations])
        rates = [entry_rate(o) for o in observations]
        middles_s = np.arange(max(2, 2 * int((end_s - ends_s[0]) / period_s))) * half_s + half_s / 2
        return np.asarray(np.interp(ends_s[0] + middles_s, ends_s, rates), np.float64)
    begin_s = arrivals_s[0] if len(arrivals_s) else 0.0
    halves = max(2, 2 * int((end_s - begin_s) / period_s))
    counts, _ = np.histogram(arrivals_s, bins=begin_s + half_s * np.arange(halves + 1))
    return np.asarray(counts / half_s, np.float64)


def former_of(path: Path) -> Path:
    """The file that keeps the previous policy."""
    return path.with_name(f"{path.stem}.former{path.suffix}")


def digest(path: Path) -> str:
    """Identifies a policy file by its content."""
    return sha256(path.read_bytes()).hexdigest()[:16]


def promote(path: Path, candidate: Policy, *, instead_of: str) -> None:
    """Save the candidate and keep the former policy beside it; a crash leaves one of them in place.

    Args:
        path: The policy file.
        candidate: The new policy.
        instead_of: The digest of the policy it was compared with.

    Raises:
        PolicyError: The file has changed since.
    """
    if digest(path) != instead_of:
        raise PolicyError(f"{path}: the policy has changed meanwhile, so it is not replaced.")
    write_durably(former_of(path), path.read_bytes())
    save_policy(path, candidate)
