import pytest
from textual.app import App


@pytest.fixture(autouse=True)
def nothing_told_is_gone_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a test can take longer than a toast stays."""
    monkeypatch.setattr(App, "NOTIFICATION_TIMEOUT", 600.0)
