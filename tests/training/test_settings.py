from pathlib import Path

import pytest

from marskit.training.settings import TrainingError, load_settings


def test_what_a_file_leaves_out_is_as_shipped(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[ppo]\nmeshes = 8\nlearning_rate = 1\n")
    settings, shipped = load_settings(path), load_settings()
    assert (settings.ppo.meshes, settings.ppo.learning_rate) == (8, 1)
    assert settings.ppo.batch == shipped.ppo.batch
    assert settings.sac == shipped.sac


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[dqn]\nmeshes = 8", "[dqn] is not a known table; allowed are ppo, sac, environment, evaluation."),
        ("[ppo]\nmesh = 8", "[ppo] has mesh; allowed are meshes, steps_per_update"),
        ('[ppo]\nmeshes = "many"', "[ppo] meshes is 'many'; it must be like 256."),
        ("[ppo]\nmeshes = true", "[ppo] meshes is True; it must be like 256."),
        ("[ppo", "the settings file is not TOML: "),
    ],
)
def test_mistakes_are_refused_by_name(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(TrainingError) as refused:
        load_settings(path)
    assert str(path) in str(refused.value)
    assert sentence in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="the settings file cannot be read: No such file or directory"):
        load_settings(tmp_path / "none.toml")
