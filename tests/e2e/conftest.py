"""What every start of the whole program needs."""

import pytest

from marskit.mesh.envoy import demo_services


@pytest.fixture(scope="session", autouse=True)
def installed_packages() -> None:
    """Installed before any clock runs; only the first start in a checkout would do it."""
    demo_services.install_dependencies()
