"""The location of the demo, in a checkout and in an installed package; no other module looks for it."""

from pathlib import Path

IMPORT_ROOT = Path(__file__).resolve().parents[1]
"""The folder that `marskit` is imported from, for child processes that must run the same code."""

_FILES = Path(__file__).with_name("demo_files")
"""In a checkout this folder links to the repository's folders; a wheel contains copies of them."""

DEMO_MANIFESTS = ((_FILES / "k8s").resolve() / "base", (_FILES / "service-mesh").resolve())
"""The shop's Kubernetes and Istio manifests."""
LOCUSTFILE = (_FILES / "locust").resolve() / "locustfile.py"
SCENARIOS = (_FILES / "locust").resolve() / "scenarios"
"""The shipped load scenarios, one TOML file each."""
DEMO_SERVICES = (_FILES / "src").resolve()
"""The npm workspace of the shop's services; read-only where marskit is installed."""
