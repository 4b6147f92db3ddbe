"""The settings of a training: the shipped defaults, optionally overridden by a file."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from marskit.errors import InputError
from marskit.system.toml_table import read_toml

DEFAULTS = Path(__file__).parent / "defaults.toml"


class TrainingError(InputError):
    """A training that cannot be done as requested; one sentence says why."""


@dataclass(frozen=True, slots=True)
class PpoSettings:
    """Settings of Proximal Policy Optimization; see `defaults.toml`."""

    meshes: int
    steps_per_update: int
    batch: int
    epochs: int
    learning_rate: float
    gamma: float
    gae_lambda: float
    log_std_init: float
    hidden: list[int]
    seconds: float


@dataclass(frozen=True, slots=True)
class SacSettings:
    """Settings of Soft Actor-Critic; see `defaults.toml`."""

    meshes: int
    batch: int
    gradient_steps: int
    learning_rate: float
    gamma: float
    tau: float
    buffer: int
    target_entropy: float
    clone_steps: int
    hidden: list[int]
    seconds: float


@dataclass(frozen=True, slots=True)
class EnvironmentSettings:
    """Settings of the training environment."""

    periods: int
    spread: float
    breach_price: float
    steepness: float


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """Settings of the loads by which the best policy is chosen."""

    meshes: int
    seed: int
    every_s: float


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """All settings of a training."""

    ppo: PpoSettings
    sac: SacSettings
    environment: EnvironmentSettings
    evaluation: EvaluationSettings


def load_settings(path: Path = DEFAULTS) -> TrainingSettings:
    """Read a settings file; missing keys have the values of `defaults.toml`.

    Raises:
        TrainingError: It cannot be read, or has an unknown table or key.
    """
    tables = read_toml(DEFAULTS, "the settings file", TrainingError)
    if path != DEFAULTS:
        for name, table in read_toml(path, "the settings file", TrainingError).items():
            if name not in tables or not isinstance(table, dict):
                raise TrainingError(
                    f"{path}: [{name}] is not a known table; allowed are {', '.join(tables)}."
                )
            for key, value in table.items():
                _check(path, name, key, value, tables[name])
            tables[name] |= table
    parts: dict[str, Any] = {
        "ppo": PpoSettings(**tables["ppo"]),
        "sac": SacSettings(**tables["sac"]),
        "environment": EnvironmentSettings(**tables["environment"]),
        "evaluation": EvaluationSettings(**tables["evaluation"]),
    }
    assert set(parts) == {field.name for field in fields(TrainingSettings)}
    return TrainingSettings(**parts)


def _check(path: Path, name: str, key: str, value: object, known: dict[str, Any]) -> None:
    if key not in known:
        raise TrainingError(f"{path}: [{name}] has {key}; allowed are {', '.join(known)}.")
    usual = known[key]
    kinds = (int, float) if isinstance(usual, float) else (type(usual),)
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise TrainingError(f"{path}: [{name}] {key} is {value!r}; it must be like {usual!r}.")


def usual_seconds(algorithm: str) -> int:
    """The default length of a training, in seconds."""
    settings = load_settings()
    return round(settings.ppo.seconds if algorithm == "ppo" else settings.sac.seconds)
