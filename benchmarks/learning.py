"""What recorded runs are worth to a learner: steps until it is as good as the tuned autoscaler.

Run: `python -m benchmarks.learning` (about a quarter of an hour on a quiet core). The plot `learning.svg` and
the numbers `learning.parquet` are left in the folder `learning`, and so are the recorded runs.

Both learners are SAC with the same hyperparameters: the shipped ones, but for a learning rate that does not
fall and a price of randomness that begins low, with which the one from scratch was the faster. They have the
same seeds and so the same first weights, learn in the same calibrated twin, and are judged by the same loads,
which neither is trained on. They learn the very utility that they are judged by: the price of missing the
objective, which makes up most of what shipped policies learn, is 0 here, and the autoscaler is tuned by the
same utility, on other loads.

Both choose replicas, and not the target utilisations that shipped policies choose: the middle of these *is*
the demand rule, so that a learner without any training is as good as the tuned autoscaler there (told as a
figure of its own), and there would be nothing to compare.

* *from scratch* is given nothing: a random actor, an empty buffer, and none of the imitation of the demand
  rule that `marskit train` begins SAC with.
* *warm* is given what runs of three planners on eight scenarios executed, and nothing else: their steps in
  its buffer, an actor that imitates one of the planners, and a critic that has learned from all. Who is
  best imitated is tried out in the twin; these steps count. At first the actor rests there, until the critic
  knows what lies around its actions.
* The same without the runs of the demand rule, which itself is better than the tuned autoscaler here: what it
  is given there is worse than what it is to reach.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import log
from pathlib import Path
from statistics import median

import polars as pl
import torch
from rich.console import Console
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import FloatSchedule

from benchmarks.learning_plot import Look, plot
from benchmarks.learning_warm import ByReplicas, acting, imitate_best, recorded_steps
from benchmarks.report import Figure, show
from marskit.assembly.settings import Settings
from marskit.compare.jobs import Failed, Job
from marskit.compare.runner import run_all
from marskit.demo import DEMO_MANIFESTS
from marskit.domain.config import Configuration
from marskit.domain.goals import Goals
from marskit.env.sb3 import Sb3VecEnv
from marskit.env.vector import EnvSettings, MeshVectorEnv
from marskit.knowledge.read.runs import StoredRun, list_runs, load_run
from marskit.mesh.manifests.graph import configuration, goals
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.simulator.card_file import demo_card
from marskit.mesh.simulator.compile import twin_model
from marskit.mesh.simulator.model import TwinModel
from marskit.training.evaluate import Judge
from marskit.training.learn import Learner
from marskit.training.resume import FIRST_ENTROPY_PRICE
from marskit.training.settings import TrainingSettings, load_settings

PLANNERS = ("demand", "hpa", "threshold")
SCENARIOS = ("diurnal", "rush-hours", "ramp", "flash-crowd", "on-off", "spike", "steady", "trace")
"""Every planner is recorded on all of them, each with a seed of its own."""
FIRST_SEED = 101
TUNED_ON = 20261128
"""The seed of the loads that the autoscaler is tuned on; learners are judged by others."""
MESHES = 64
EVERY = 16
"""Control periods of all training meshes between two looks."""
TRIED_ON = 24
"""Meshes, for an episode, on which it is found out who can be imitated. Of 8, the wrong one was taken once in
three trials."""
RESTING_STEPS = 2048
"""For which a warm actor is left as it is."""
HELD = 2
"""So many looks in a row must be as good: one may be luck."""
MOST_SHARE = 0.2
ARMS: dict[str, tuple[str, ...]] = {
    "from scratch": (),
    "warm": PLANNERS,
    "warm, from hpa and threshold": ("hpa", "threshold"),
}
"""What is compared, and whose recorded runs each is given."""


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
    (parsed.out / "learning.svg").write_text(
        plot(looks, tuple(ARMS), bench.hpa, bench.goal), encoding="utf-8"
    )
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
            for planner in PLANNERS
            for seed, scenario in enumerate(SCENARIOS, FIRST_SEED)
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
    # Not falling towards the end of the budget: who has the larger one would learn faster.
    sac.lr_schedule = FloatSchedule(bench.settings.sac.learning_rate)
    assert sac.log_ent_coef is not None
    with torch.no_grad():
        sac.log_ent_coef.fill_(log(FIRST_ENTROPY_PRICE))
    spent = _warm(sac, env.env, bench, ARMS[arm], seed) if ARMS[arm] else 0
    watch = _Watch(sac, bench, arm, seed, spent, after)
    watch.look(0)
    sac.learn(steps, callback=watch)
    return watch.looks


def _warm(sac: SAC, env: MeshVectorEnv, bench: Bench, planners: Sequence[str], seed: int) -> int:
    """Give it what the runs of these planners tell; the steps that took in the twin."""
    recorded = [
        recorded_steps([run for run in bench.runs if run.started.planner == planner], env, bench.written)
        for planner in planners
    ]
    environment = EnvSettings(**asdict(bench.settings.environment))
    trial = Judge(bench.model, bench.goals, environment, meshes=TRIED_ON, seed=TUNED_ON + 1 + seed)
    imitate_best(sac, recorded, trial, clone_steps=bench.settings.sac.clone_steps, seed=seed)
    return len(planners) * TRIED_ON * (bench.settings.environment.periods - 1)


def untrained(bench: Bench) -> float:
    """The utility of a random actor that chooses target utilisations, as shipped policies do."""
    learner = Learner("sac", bench.model, bench.goals, bench.settings, seed=0)
    return learner.scores().utility_per_s


class _Watch(BaseCallback):
    """Looks at the learner now and then, and ends it when there is nothing more to see."""

    def __init__(self, sac: SAC, bench: Bench, arm: str, seed: int, spent: int, after: int) -> None:
        super().__init__()
        self._sac = sac
        self._bench = bench
        self._key = arm, seed
        self._spent = spent
        self._after = after
        self.looks: list[Look] = []

    def look(self, steps: int) -> None:
        scores = self._bench.judge.scores(acting(self._sac))
        seen = scores.utility_per_s, scores.violated_percent, scores.replicas
        self.looks.append(Look(*self._key, steps + self._spent, *seen))

    def _on_step(self) -> bool:
        if self.num_timesteps >= RESTING_STEPS:
            for parameter in self._sac.actor.parameters():
                parameter.requires_grad_(True)
        if self.n_calls % EVERY == 0:
            self.look(self.num_timesteps)
            reached = steps_to(self.looks, *self._key, self._bench.goal)
            return reached is None or self.num_timesteps + self._spent < reached + self._after
        return True


def steps_to(looks: Sequence[Look], arm: str, seed: int, goal: float) -> int | None:
    """After how many steps the learner was as good, and stayed so for a moment; None if it never was."""
    ours = [look for look in looks if (look.arm, look.seed) == (arm, seed)]
    for place in range(len(ours) - HELD + 1):
        if all(look.utility_per_s >= goal for look in ours[place : place + HELD]):
            return ours[place].steps
    return None


def figures(looks: Sequence[Look], bench: Bench, seeds: int, most: int) -> list[Figure]:
    cycles = sum(len(run.records) for run in bench.runs)
    found = [
        Figure("recorded runs", f"{len(bench.runs)}, {cycles} cycles", "", None),
        Figure(
            f"utility of the tuned autoscaler, {bench.hpa}, on held-out loads",
            f"{bench.goal:.2f}/s",
            "",
            None,
        ),
        Figure("untrained, where actions are target utilisations", f"{untrained(bench):.2f}/s", "", None),
    ]
    reached = {arm: [steps_to(looks, arm, seed, bench.goal) for seed in range(seeds)] for arm in ARMS}
    counted = {
        arm: [float(most) if steps is None else float(steps) for steps in reached[arm]] for arm in ARMS
    }
    scratch = median(counted["from scratch"])
    at_most = "at most " if sum(steps is None for steps in reached["from scratch"]) > seeds // 2 else ""
    for arm in ARMS:
        given = min(look.steps for look in looks if look.arm == arm)
        first = median(look.utility_per_s for look in looks if look.arm == arm and look.steps == given)
        each = ", ".join("never" if steps is None else f"{steps:,}" for steps in reached[arm])
        found.append(
            Figure(f"{arm}: utility before it learns", f"{first:.2f}/s, after {given:,} steps", "", None)
        )
        found.append(Figure(f"{arm}: steps to the autoscaler's utility, by seed", each, "", None))
        last = [[k.utility_per_s for k in looks if (k.arm, k.seed) == (arm, s)][-1] for s in range(seeds)]
        found.append(Figure(f"{arm}: utility when the looks end, median", f"{median(last):.2f}/s", "", None))
        if not ARMS[arm]:
            continue
        failed = sum(steps is None for steps in reached[arm]) > seeds // 2
        share = median(counted[arm]) / max(1.0, scratch)
        found.append(
            Figure(
                f"{arm}: median steps as a share of those from scratch",
                "never" if failed else f"{at_most}{share:.1%}",
                f"{MOST_SHARE:.0%}" if arm == "warm" else "",
                (not failed and share <= MOST_SHARE) if arm == "warm" else None,
            )
        )
    return found


if __name__ == "__main__":
    raise SystemExit(main())
