"""Where the demo is, in a checkout and in an installed package alike; no other module looks for it."""

from pathlib import Path

_FILES = Path(__file__).with_name("demo_files")
"""In a checkout this folder holds links to the repository's own folders; a wheel holds what they hold."""

DEMO_MANIFESTS = ((_FILES / "k8s").resolve() / "base", (_FILES / "service-mesh").resolve())
"""The shop's Kubernetes and Istio manifests."""
LOCUSTFILE = (_FILES / "locust").resolve() / "locustfile.py"
SCENARIOS = (_FILES / "locust").resolve() / "scenarios"
"""The shipped load scenarios, one TOML file each."""
DEMO_SERVICES = (_FILES / "src").resolve()
"""The npm workspace of the shop's services; read-only where marskit is installed."""
