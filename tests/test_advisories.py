"""The check of dependencies, by the real tools, against sources of advisories on this machine."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.skipif(find_spec("pip_audit") is None, reason="pip-audit is not installed")

SCRIPT = ROOT / ".ci" / "advisories.py"


@contextmanager
def source(*, python: dict[str, Any], npm: dict[str, Any], status: int = 200) -> Iterator[str]:
    """A source that tells of the packages given, as OSV and as the npm registry."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/osv":
                answer: Any = python.get(json.loads(asked)["package"]["name"], {})
            else:
                answer = npm
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            # npm asks which versions of a vulnerable package there are.
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def checked(url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), "--osv-url", f"{url}/osv", "--services", str(ROOT / "src")],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"HOME": str(folder), "npm_config_registry": url},
    )


def test_nothing_known_passes(tmp_path: Path) -> None:
    with source(python={}, npm={}) as url:
        done = checked(url, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first.startswith("Python packages: ")
    assert first.endswith(" checked, 0 with known vulnerabilities")
    assert second.endswith(" checked, 0 with known vulnerabilities")


def test_known_vulnerabilities_fail(tmp_path: Path) -> None:
    psutil = {
        "id": "PYSEC-1",
        "summary": "reads too much",
        "affected": [{"package": {"name": "psutil", "ecosystem": "PyPI"}, "versions": [version("psutil")]}],
    }
    fastify = [
        {
            "id": 1,
            "title": "Parses too much",
            "severity": "high",
            "vulnerable_versions": "*",
            "url": "https://example.invalid/1",
        }
    ]
    with source(python={"psutil": {"vulns": [psutil]}}, npm={"fastify": fastify}) as url:
        done = checked(url, tmp_path)
    assert done.returncode == 1
    python = f"Python packages: psutil {version('psutil')} has known vulnerabilities: PYSEC-1"
    assert python in done.stdout.splitlines()
    assert "npm packages: fastify has known vulnerabilities: high: Parses too much" in done.stdout


def test_a_source_that_cannot_be_reached_is_told_and_does_not_fail(tmp_path: Path) -> None:
    done = checked("http://127.0.0.1:9", tmp_path)
    assert done.returncode == 0
    first, second = done.stdout.splitlines()
    assert first.startswith("Python packages: NOT CHECKED for advisories: ")
    assert second.startswith("npm packages: NOT CHECKED for advisories: ")


def test_a_source_without_advisories_is_not_a_clean_one(tmp_path: Path) -> None:
    with source(python={}, npm={}, status=405) as url:
        done = checked(url, tmp_path)
    assert done.returncode == 0
    assert done.stdout.count("NOT CHECKED for advisories") == 2
    assert " checked, 0 " not in done.stdout


def test_a_folder_without_a_lock_file_fails(tmp_path: Path) -> None:
    with source(python={}, npm={}) as url:
        done = subprocess.run(
            [sys.executable, str(SCRIPT), "--osv-url", f"{url}/osv", "--services", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "npm packages: the audit failed: " in done.stdout
