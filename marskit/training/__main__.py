"""The child process that trains: arguments in, one JSON object per line out, a policy file at the end.

`marskit train` starts it. SIGTERM and SIGINT end it early with the best policy so far.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Thread

from marskit.agents.policy_file import ALGORITHMS, Policy, PolicyError, check_fits, load_policy
from marskit.calibration.error import CalibrationError
from marskit.demo import DEMO_MANIFESTS
from marskit.domain.config import Configuration
from marskit.domain.training import Saved, Update
from marskit.env.encoding import encoding
from marskit.env.vector import MeshVectorEnv
from marskit.knowledge.port import KnowledgeError, runs_place
from marskit.knowledge.read.runs import StoredRun, find_run, load_run
from marskit.mapek.plan.shield_rules import ShieldLimits
from marskit.mesh.manifests.graph import configuration, goals
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import ManifestError, MeshConfig
from marskit.mesh.simulator.card import Card
from marskit.mesh.simulator.card_choice import choose_card
from marskit.mesh.simulator.card_file import CardError
from marskit.mesh.simulator.compile import twin_model
from marskit.mesh.simulator.model import TwinModel
from marskit.training.child import encode
from marskit.training.finetune import prepare
from marskit.training.learn import Budget, Learner, save_policy
from marskit.training.recorded import Transitions, transitions
from marskit.training.settings import DEFAULTS, TrainingError, TrainingSettings, load_settings

_REFUSED = (TrainingError, ManifestError, CardError, PolicyError, KnowledgeError, CalibrationError)


def main() -> int:
    """Train according to the arguments; 0 if a policy was written."""
    parsed = _arguments()
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: stopped.append(number))
    # The parent's pipe ends with the parent, however that ends.
    Thread(target=lambda: stopped.append(len(sys.stdin.read())), daemon=True).start()
    try:
        _check_out(parsed.out)
        settings = load_settings(parsed.settings)
        config = load_mesh(parsed.manifests, layers=parsed.layers, mapping=parsed.mapping)
        plain = twin_model(config)
        card = choose_card(plain, parsed.card).card
        if parsed.fine_tune:
            return _fine_tune(parsed, config, card, settings, stopped)
        if parsed.warm_start and parsed.algorithm != "sac":
            raise TrainingError("--warm-start fills the replay buffer of sac; ppo has no replay buffer")
        model = twin_model(config, card)
        resume = _resumed(parsed.resume, parsed.algorithm, model) if parsed.resume else None
        runs = [load_run(parsed.runs, find_run(parsed.runs, name)) for name in parsed.warm_start]
        learner = Learner(
            parsed.algorithm,
            model,
            goals(config),
            settings,
            seed=parsed.seed,
            resume=resume,
            recorded=partial(_recorded, runs, configuration(config)) if runs else None,
        )
    except _REFUSED as error:
        print(str(error), file=sys.stderr)
        return 2
    policy = learner.train(_budget(parsed, settings, parsed.algorithm), _tell, lambda: bool(stopped))
    save_policy(parsed.out, policy)
    _tell(Saved(str(parsed.out), policy.card))
    return 0


def _fine_tune(
    parsed: argparse.Namespace,
    config: MeshConfig,
    card: Card | None,
    settings: TrainingSettings,
    stopped: Sequence[int],
) -> int:
    """Continue training a policy from recorded runs; 0 whether or not it was replaced."""
    runs = [load_run(parsed.runs, find_run(parsed.runs, name)) for name in dict.fromkeys(parsed.from_runs)]
    tuning = prepare(
        parsed.fine_tune, runs, twin_model(config), card, goals(config), settings, seed=parsed.seed
    )
    learner = tuning.learner(partial(_recorded, tuning.learned_from, configuration(config)))
    budget = _budget(parsed, settings, tuning.policy.algorithm)
    tuning.train(learner, budget, _tell, lambda: bool(stopped))
    return 0


def _budget(parsed: argparse.Namespace, settings: TrainingSettings, algorithm: str) -> Budget:
    usual = settings.ppo.seconds if algorithm == "ppo" else settings.sac.seconds
    return Budget(parsed.seconds or (usual if parsed.steps is None else float("inf")), parsed.steps)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m marskit.training")
    parser.add_argument("--algorithm", choices=ALGORITHMS, default="ppo")
    parser.add_argument("--fine-tune", type=Path)
    parser.add_argument("--from-runs", nargs="+", default=[])
    parser.add_argument("--manifests", type=Path, nargs="+", default=list(DEMO_MANIFESTS))
    parser.add_argument("--layer", dest="layers", type=Path, nargs="+", default=[])
    parser.add_argument("--mapping", type=Path)
    parser.add_argument("--card", type=Path)
    parser.add_argument("--settings", type=Path, default=DEFAULTS)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--warm-start", nargs="+", default=[])
    parser.add_argument("--runs", type=runs_place, default=Path("runs"))
    parser.add_argument("--out", type=Path)
    parsed = parser.parse_args()
    parsed.out = parsed.fine_tune or parsed.out
    if parsed.out is None:
        parser.error("--out is missing")
    return parsed


def _check_out(path: Path) -> None:
    """Checked now rather than after a minute's work."""
    folder = next(each for each in path.absolute().parents if each.exists())
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise TrainingError(f"{path}: a policy file cannot be written there.")


def _resumed(path: Path, algorithm: str, model: TwinModel) -> Policy:
    policy = load_policy(path)
    if policy.algorithm != algorithm:
        raise PolicyError(
            f"{path}: the policy was trained with {policy.algorithm}; {algorithm} cannot continue from it."
        )
    # The period affects only the shield's cool-downs, which the schema does not contain.
    check_fits(policy, encoding(model, ShieldLimits(), period_scenario_s=15.0), path)
    return policy


def _recorded(runs: Sequence[StoredRun], written: Configuration, env: MeshVectorEnv) -> Transitions:
    return transitions(runs, env.encoding, written, env.prices, period_s=env.settings.period_s)


def _tell(update: Update) -> None:
    print(encode(update), flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
