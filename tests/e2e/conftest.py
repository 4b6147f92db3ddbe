"""What every start of the whole program needs."""

import pytest

from marskit import services


@pytest.fixture(scope="session", autouse=True)
def installed_packages() -> None:
    """Installed before any clock runs; only the first start in a checkout would do it."""
    services.install_dependencies()
