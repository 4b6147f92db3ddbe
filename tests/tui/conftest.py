from pathlib import Path

import pytest
from textual.app import App


@pytest.fixture(autouse=True)
def nothing_told_is_gone_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a test can take longer than a toast stays."""
    monkeypatch.setattr(App, "NOTIFICATION_TIMEOUT", 600.0)


@pytest.fixture(autouse=True)
def settings_of_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests neither read nor change what the person who runs them has chosen."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
