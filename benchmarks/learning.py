"""What recorded runs are worth to a learner: steps until it is as good as the tuned autoscaler.

Run: `python -m benchmarks.learning` (about a quarter of an hour on a quiet core). The plot `learning.svg` and
the numbers `learning.parquet` are left in the folder `learning`, and so are the recorded runs.

Both learners are SAC with the same shipped hyperparameters, the same seeds and so the same first weights, in
the same calibrated twin, and are judged by the same loads, which neither is trained on. They learn the very
utility that they are judged by: the price of missing the objective, which makes up most of what shipped
policies learn, is 0 here, and the autoscaler is tuned by the same utility, on other loads.

Both choose replicas, and not the target utilisations that shipped policies choose: the middle of these *is*
the demand rule, so that a learner without any training is as good as the tuned autoscaler there (told as a
figure of its own), and there would be nothing to compare.

* *from scratch* is given nothing: a random actor, an empty buffer, and none of the imitation of the demand
  rule that `marskit train` begins SAC with.
* *warm* is given what the recorded runs executed, and nothing else: their steps in its buffer, an actor that
  imitates their actions, and a critic that has learned from them. All of that costs no step in the twin. Each
  recorded step counts as one of its steps nevertheless.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl
from rich.console import Console
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback

from benchmarks.learning_plot import Look, plot
from benchmarks.report import Figure, show
from marskit.compare.jobs import Failed, Job
from marskit.compare.runner import run_all
from marskit.domain.config import Configuration
from marskit.domain.goals import Goals
from marskit.env.encoding import DIRECT, PER_STATION
from marskit.env.sb3 import Sb3VecEnv
from marskit.env.vector import EnvSettings, MeshVectorEnv
from marskit.knowledge.queries import StoredRun, list_runs, load_run
from marskit.mesh.manifests.graph import configuration, goals
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.simulator.card_file import demo_card
from marskit.mesh.simulator.compile import twin_model
from marskit.mesh.simulator.model import TwinModel
from marskit.settings import DEMO_MANIFESTS, Settings
from marskit.training.clone import imitate, remember
from marskit.training.evaluate import Judge
from marskit.training.learn import Learner
from marskit.training.recorded import Transitions, transitions
from marskit.training.resume import CRITIC_STEPS, learn_critic
from marskit.training.rules import Actions
from marskit.training.settings import TrainingSettings, load_settings

RECORDED = (
    ("demand", "diurnal", 101),
    ("hpa", "rush-hours", 102),
    ("threshold", "flash-crowd", 103),
    ("demand", "on-off", 104),
    ("hpa", "spike", 105),
    ("threshold", "ramp", 106),
    ("demand", "rush-hours", 107),
    ("hpa", "diurnal", 108),
    ("threshold", "on-off", 109),
)
"""Planner, scenario and seed."""
TUNED_ON = 20261128
"""The seed of the loads that the autoscaler is tuned on; learners are judged by others."""
MESHES = 64
EVERY = 16
"""Control periods of all training meshes between two looks."""
HELD = 2
"""So many looks in a row must be as good: one may be luck."""
MOST_SHARE = 0.2
ARMS = ("from scratch", "warm")


@dataclass(frozen=True, slots=True)
class Bench:
    """What all learners share."""

    model: TwinModel
    goals: Goals
    written: Configuration
    settings: TrainingSettings
    runs: tuple[StoredRun, ...]
    hpa: str
    goal: float
    """The tuned autoscaler's utility on the held-out loads, per second."""
    judge: Judge

    def experience(self, env: MeshVectorEnv) -> Transitions:
        """The steps of the recorded runs, with the replicas that were executed as actions."""
        found = transitions(self.runs, env.encoding, self.written, env.prices, period_s=env.settings.period_s)
        codes = env.encoding.codes
        # What an observation says first of every workload: replicas desired, of the most there may be.
        desired = found.following[:, : PER_STATION * len(codes.most) : PER_STATION] * codes.most
        actions = found.actions.copy()
        actions[:, : len(codes.most)] = 2.0 * (desired - codes.least) / (codes.most - codes.least) - 1.0
        return replace(found, actions=actions)


class ByReplicas(Sb3VecEnv):
    """Meshes whose actions say how many replicas there are to be, from the fewest (-1) to the most (1)."""

    def step_async(self, actions: Actions) -> None:
        """Take the actions of the next step."""
        super().step_async(direct(self.env, actions))


def direct(env: MeshVectorEnv, actions: Actions) -> Actions:
    """(N, A) actions of `ByReplicas` as the environment takes them."""
    codes = env.encoding.codes
    asked = actions.copy()
    shares = 0.5 * (actions[:, : len(codes.most)] + 1.0)
    asked[:, : len(codes.most)] = DIRECT + np.round(codes.least + shares * (codes.most - codes.least))
    asked[:, -1] = -1.0
    return asked


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40_000, help="after which a learner has failed")
    parser.add_argument(
        "--after", type=int, default=4096, help="steps that it goes on for once it is as good"
    )
    parser.add_argument("--out", type=Path, default=Path("learning"))
    parsed = parser.parse_args()
    parsed.out.mkdir(parents=True, exist_ok=True)
    bench = prepare(record(parsed.out / "runs"))
    looks: list[Look] = []
    for seed in range(parsed.seeds):
        for arm in ARMS:
            looks += learn(bench, arm, seed, parsed.steps, parsed.after)
            pl.DataFrame([asdict(look) for look in looks]).write_parquet(parsed.out / "learning.parquet")
            reached = steps_to(looks, arm, seed, bench.goal)
            Console(stderr=True).print(
                f"{arm}, seed {seed}: {'never' if reached is None else reached} of {parsed.steps}"
            )
    (parsed.out / "learning.svg").write_text(plot(looks, ARMS, bench.hpa, bench.goal), encoding="utf-8")
    return show(
        "What recorded runs are worth to a learner", figures(looks, bench, parsed.seeds, parsed.steps)
    )


def record(folder: Path) -> tuple[StoredRun, ...]:
    """The recorded runs, made in the twin unless they are there already."""
    if not folder.exists():
        jobs = [
            Job(
                planner,
                scenario,
                seed,
                Settings("twin", planner=planner, scenario=scenario, seed=seed, runs=folder),
            )
            for planner, scenario, seed in RECORDED
        ]
        failed = [result for result in run_all(jobs, lambda job, result: None) if isinstance(result, Failed)]
        if failed:
            sys.exit(f"{failed[0].job.name}: {failed[0].reason}")
    return tuple(load_run(folder, summary.run) for summary in list_runs(folder).runs)


def prepare(runs: tuple[StoredRun, ...]) -> Bench:
    usual, config = load_settings(), load_mesh(DEMO_MANIFESTS)
    settings = replace(
        usual,
        environment=replace(usual.environment, breach_price=0.0),
        evaluation=replace(usual.evaluation, meshes=MESHES),
    )
    model, prices = twin_model(config, demo_card()), goals(config)
    environment = EnvSettings(**asdict(settings.environment))
    tuning = Judge(model, prices, environment, meshes=MESHES, seed=TUNED_ON)
    tuned, _ = max(tuning.hpa_front(), key=lambda each: each[1].utility_per_s)
    judge = Judge(model, prices, environment, meshes=MESHES, seed=settings.evaluation.seed)
    goal = dict(judge.hpa_front())[tuned].utility_per_s
    return Bench(model, prices, configuration(config), settings, runs, tuned, goal, judge)


def learn(bench: Bench, arm: str, seed: int, steps: int, after: int) -> list[Look]:
    """The looks at one learner until it is as good as the autoscaler, and a little further."""
    learner = Learner("sac", bench.model, bench.goals, bench.settings, seed=seed)
    sac = learner.learner
    assert isinstance(sac, SAC)
    env = sac.get_env()
    assert isinstance(env, Sb3VecEnv)
    sac.set_env(ByReplicas(env.env))
    given = 0
    if arm == "warm":
        experience = bench.experience(env.env)
        given = len(experience.rewards)
        remember(sac, experience)
        imitate(sac, experience.observations, experience.actions, bench.settings.sac.clone_steps, seed)
        learn_critic(sac, CRITIC_STEPS)
    watch = _Watch(sac, bench, arm, seed, given, after)
    watch.look(0)
    sac.learn(steps, callback=watch)
    return watch.looks


def untrained(bench: Bench) -> float:
    """The utility of a random actor that chooses target utilisations, as shipped policies do."""
    learner = Learner("sac", bench.model, bench.goals, bench.settings, seed=0)
    return learner.scores().utility_per_s


class _Watch(BaseCallback):
    """Looks at the learner now and then, and ends it when there is nothing more to see."""

    def __init__(self, sac: SAC, bench: Bench, arm: str, seed: int, given: int, after: int) -> None:
        super().__init__()
        self._sac = sac
        self._bench = bench
        self._key = arm, seed
        self._given = given
        self._after = after
        self.looks: list[Look] = []

    def look(self, steps: int) -> None:
        scores = self._bench.judge.scores(
            lambda env, seen: direct(env, self._sac.predict(seen, deterministic=True)[0])
        )
        seen = scores.utility_per_s, scores.violated_percent, scores.replicas
        self.looks.append(Look(*self._key, steps + self._given, *seen))

    def _on_step(self) -> bool:
        if self.n_calls % EVERY == 0:
            self.look(self.num_timesteps)
            reached = steps_to(self.looks, *self._key, self._bench.goal)
            return reached is None or self.num_timesteps + self._given < reached + self._after
        return True


def steps_to(looks: Sequence[Look], arm: str, seed: int, goal: float) -> int | None:
    """After how many steps the learner was as good, and stayed so for a moment; None if it never was."""
    ours = [look for look in looks if (look.arm, look.seed) == (arm, seed)]
    for place in range(len(ours) - HELD + 1):
        if all(look.utility_per_s >= goal for look in ours[place : place + HELD]):
            return ours[place].steps
    return None


def figures(looks: Sequence[Look], bench: Bench, seeds: int, most: int) -> list[Figure]:
    reached = {arm: [steps_to(looks, arm, seed, bench.goal) for seed in range(seeds)] for arm in ARMS}
    counted = {
        arm: [float(most) if steps is None else float(steps) for steps in reached[arm]] for arm in ARMS
    }
    share = median(counted["warm"]) / max(1.0, median(counted["from scratch"]))
    given = min(look.steps for look in looks if look.arm == "warm")
    found = [
        Figure("recorded runs", f"{len(bench.runs)}, with {given} steps", "", None),
        Figure(
            f"utility of the tuned autoscaler, {bench.hpa}, on held-out loads",
            f"{bench.goal:.2f}/s",
            "",
            None,
        ),
    ]
    found.append(
        Figure("untrained, where actions are target utilisations", f"{untrained(bench):.2f}/s", "", None)
    )
    for arm in ARMS:
        each = ", ".join("never" if steps is None else f"{steps:,}" for steps in reached[arm])
        first = [look.utility_per_s for look in looks if look.arm == arm and look.steps <= given]
        found.append(
            Figure(f"{arm}: utility before any step in the twin", f"{median(first):.2f}/s", "", None)
        )
        found.append(Figure(f"{arm}: steps to that utility, by seed", each, "", None))
        found.append(Figure(f"{arm}: median", f"{median(counted[arm]):,.0f}", "", None))
    at_most = "at most " if None in reached["from scratch"] else ""
    found.append(
        Figure(
            f"steps of the warm one as a share, median of {seeds} seeds",
            f"{at_most}{share:.1%}",
            f"{MOST_SHARE:.0%}",
            share <= MOST_SHARE and sum(steps is None for steps in reached["warm"]) <= seeds // 2,
        )
    )
    return found


if __name__ == "__main__":
    raise SystemExit(main())
