"""Compares what is installed with the published advisories: pip-audit for Python, npm audit for the demo.

Exits with 1 if a known vulnerability is found, or if an audit itself fails. What could not be checked is told
and does not fail.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from marskit.mesh.envoy.binaries import npm_command

LIMIT_S = 60.0
"""Longest time for everything, in seconds."""
OWN = "marskit"
"""Is installed from this folder, and has no advisories."""
SERVICES = Path(__file__).resolve().parents[1] / "src"


@dataclass(frozen=True, slots=True)
class Audit:
    """What became of one audit."""

    checked: int = 0
    vulnerable: Mapping[str, str] = field(default_factory=dict)
    """Packages with their advisories."""
    unchecked: str = ""
    """Why some or all packages could not be checked."""
    fault: str = ""
    """Why the audit itself failed."""


def main() -> int:
    """Audit both and print one line for each finding."""
    parser = argparse.ArgumentParser(description="Check dependencies for published advisories.")
    parser.add_argument("--osv-url", help="ask this OSV service about Python packages, in place of PyPI")
    parser.add_argument("--services", type=Path, default=SERVICES, help="the folder of the npm workspace")
    given = parser.parse_args()
    deadline_s = time.monotonic() + LIMIT_S
    audits = {
        "Python packages": audit_python(given.osv_url, deadline_s),
        "npm packages": audit_npm(given.services, deadline_s),
    }
    for what, audit in audits.items():
        for line in lines(what, audit):
            print(line, flush=True)
    return 1 if any(audit.vulnerable or audit.fault for audit in audits.values()) else 0


def lines(what: str, audit: Audit) -> list[str]:
    """What to say of an audit."""
    said = [f"{what}: {name} has known vulnerabilities: {why}" for name, why in audit.vulnerable.items()]
    if audit.fault:
        said.append(f"{what}: the audit failed: {audit.fault}")
    if audit.unchecked:
        said.append(f"{what}: NOT CHECKED for advisories: {audit.unchecked}")
    if audit.checked:
        said.append(f"{what}: {audit.checked} checked, {len(audit.vulnerable)} with known vulnerabilities")
    return said


def audit_python(osv_url: str | None, deadline_s: float) -> Audit:
    """Ask PyPI about every package of this environment, and OSV if PyPI has no advisories to give."""
    sources = [("--vulnerability-service", "osv", "--osv-url", osv_url)] if osv_url else [(), ("-s", "osv")]
    audit = Audit()
    for source in sources:
        command = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "--format", "json"]
        # A source that is silent must leave time for the others.
        limit_s = min(20.0, deadline_s - time.monotonic())
        audit = _read_python(*_run([*command, *source], limit_s))
        if audit.checked or audit.fault:
            break
    return audit


def _read_python(out: str, error: str) -> Audit:
    try:
        found = json.loads(out)["dependencies"]
    except (ValueError, KeyError, TypeError):
        if "No module named" in error:
            return Audit(fault="pip-audit is not installed")
        return Audit(unchecked=_last(error))
    audited = [each for each in found if "vulns" in each]
    skipped = [each for each in found if "vulns" not in each and each["name"] != OWN]
    vulnerable = {
        f"{each['name']} {each['version']}": ", ".join(vuln["id"] for vuln in each["vulns"])
        for each in audited
        if each["vulns"]
    }
    unchecked = ""
    if skipped:
        # pip-audit exits with 0 for these.
        unchecked = f"{len(skipped)} of {len(found)} packages, e.g.: {skipped[0].get('skip_reason', '')}"
    return Audit(len(audited), vulnerable, unchecked)


def audit_npm(folder: Path, deadline_s: float) -> Audit:
    """Ask the npm registry about every package of the lock file."""
    command = [*npm_command(), "audit", "--json", "--package-lock-only", "--fetch-retries=0"]
    out, error = _run(command, deadline_s - time.monotonic(), folder)
    try:
        report: Mapping[str, Any] = json.loads(out)
    except ValueError:
        return Audit(unchecked=_last(error))
    if "vulnerabilities" not in report:
        problem = report.get("error") or {}
        if problem.get("code") in ("ENOLOCK", "EUSAGE", "EJSONPARSE"):
            return Audit(fault=str(problem.get("summary")))
        return Audit(unchecked=str(report.get("message") or problem.get("summary") or _last(error)))
    return Audit(
        report["metadata"]["dependencies"]["total"],
        {name: _severity(each) for name, each in report["vulnerabilities"].items()},
    )


def _severity(entry: Mapping[str, Any]) -> str:
    titles = [via["title"] if isinstance(via, dict) else f"through {via}" for via in entry.get("via", ())]
    return f"{entry['severity']}: {'; '.join(titles)}"


def _run(command: Sequence[str], limit_s: float, folder: Path | None = None) -> tuple[str, str]:
    """Standard output and error; a command that takes too long has only the latter."""
    if limit_s <= 0:
        return "", f"there was no answer within {LIMIT_S:g} s"
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=folder, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        return "", f"there was no answer within {limit_s:.0f} s"
    return done.stdout, done.stderr


def _last(error: str) -> str:
    told = [line.strip() for line in error.splitlines() if line.strip()]
    return told[-1][:300] if told else "the source gave no reason"


if __name__ == "__main__":
    sys.exit(main())
