"""Mutates what users hand in and reads it: nothing but a refusal in sentences may come of it.

Run: `python -m benchmarks.fuzz [--seed N] [--count N]`
"""

import argparse
import io
import random
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.noise import mutate_bytes, mutate_toml, mutate_yaml
from benchmarks.paths import ROOT
from marskit.agents.policy_file import load_policy
from marskit.domain.actions import SetTimeout
from marskit.errors import UserError
from marskit.load.scenario import load_scenario
from marskit.mesh.envoy.resources.render import expressible_listeners
from marskit.mesh.manifests.edit import preview_action
from marskit.mesh.manifests.graph import calls, configuration, goals, topology
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.port import ActionError
from marskit.training.settings import DEFAULTS, load_settings

FIXTURES = ROOT / "tests" / "mesh" / "manifests" / "fixtures"
SHOP = FIXTURES / "shop.yaml"
POLICY = ROOT / "marskit" / "agents" / "policies" / "demo-ppo.npz"
SCENARIO = ROOT / "locust" / "scenarios" / "spike.toml"
TRACE = "time_s,requests_per_s\n0,1\n30,5.5\n60,2\n"

Case = Callable[[random.Random, Path], None]


def manifest(source: random.Random, folder: Path) -> None:
    """A mutated manifest of a shop, through everything that is made of it before a start."""
    file = folder / "mesh.yaml"
    file.write_bytes(mutate_yaml(source, SHOP.read_text(encoding="utf-8")))
    config = load_mesh([file])
    topology(config)
    configuration(config)
    goals(config)
    calls(config)
    expressible_listeners(config)
    if config.virtual_services:
        name = source.choice(config.virtual_services).name
        preview_action(config, SetTimeout(name, 0, 5000))


def mapping(source: random.Random, folder: Path) -> None:
    """A mutated mapping file."""
    file = folder / "mapping.toml"
    file.write_bytes(
        mutate_toml(source, (FIXTURES / "bookinfo" / "mapping.toml").read_text(encoding="utf-8"))
    )
    load_mesh([FIXTURES / "bookinfo"], mapping=file)


def scenario(source: random.Random, folder: Path) -> None:
    """A mutated scenario."""
    file = folder / "load.toml"
    file.write_bytes(mutate_toml(source, SCENARIO.read_text(encoding="utf-8")))
    load_scenario(file).info()


def trace(source: random.Random, folder: Path) -> None:
    """A mutated trace of a scenario."""
    file = folder / "trace.toml"
    text = SCENARIO.read_text(encoding="utf-8")
    head, _, tail = text.partition("[arrival]")
    requests = tail[tail.index("[[request]]") :]
    file.write_text(f'{head}[arrival]\nkind = "trace"\nfile = "trace.csv"\n{requests}', encoding="utf-8")
    (folder / "trace.csv").write_bytes(mutate_bytes(source, TRACE.encode()))
    load_scenario(file).info()


def training(source: random.Random, folder: Path) -> None:
    """Mutated settings of a training."""
    file = folder / "training.toml"
    file.write_bytes(mutate_toml(source, DEFAULTS.read_text(encoding="utf-8")))
    load_settings(file)


def policy(source: random.Random, folder: Path) -> None:
    """A policy file, mutated as a whole or in one of its members."""
    file = folder / "policy.npz"
    data = POLICY.read_bytes()
    if source.random() < 0.5:
        file.write_bytes(mutate_bytes(source, data))
    else:
        written = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(written, "w") as new:
            victim = source.choice(old.namelist())
            for name in old.namelist():
                if name != victim:
                    new.writestr(name, old.read(name))
                elif source.random() < 0.9:
                    new.writestr(name, mutate_bytes(source, old.read(name)))
        file.write_bytes(written.getvalue())
    load_policy(file)


SHARES: dict[Case, int] = {manifest: 50, mapping: 12, scenario: 14, trace: 6, training: 8, policy: 10}
"""Of a hundred mutations."""


def run(seed: int, count: int, folder: Path, show_fault: Callable[[str], None] = print) -> Counter[str]:
    """How many mutations were accepted, refused in sentences, or ended in a fault of the program."""
    outcomes: Counter[str] = Counter()
    kinds = [case for case, share in SHARES.items() for _ in range(share)]
    for number in range(count):
        source = random.Random(f"{seed}/{number}")
        case = source.choice(kinds)
        try:
            case(source, folder)
            outcomes["accepted"] += 1
        except (UserError, ActionError) as error:
            sentences = str(error).splitlines()
            if all(sentence.strip() and sentence.isprintable() for sentence in sentences) and sentences:
                outcomes["refused"] += 1
            else:
                outcomes["faults"] += 1
                show_fault(f"{case.__name__} of {seed}/{number}: not in sentences: {error!r}")
        except Exception:
            outcomes["faults"] += 1
            show_fault(f"{case.__name__} of {seed}/{number}\n{traceback.format_exc()}")
    return outcomes


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures; the exit code is 1 if there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100_000)
    parsed = parser.parse_args(arguments)
    begun_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = run(parsed.seed, parsed.count, Path(folder))
    elapsed_s = time.perf_counter() - begun_s
    found = ", ".join(f"{outcomes[name]} {name}" for name in ("accepted", "refused", "faults"))
    print(f"{parsed.count} mutations of seed {parsed.seed}: {found}, in {elapsed_s:.0f} s")
    raise SystemExit(1 if outcomes["faults"] else 0)


if __name__ == "__main__":
    main()
