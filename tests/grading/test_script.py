"""`mk.grade` from a script, as people write it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from marskit.system.import_root import python_path

pytestmark = [pytest.mark.notebook, pytest.mark.timeout(400)]
SCRIPT = """
import marskit as mk

card = mk.grade("static", scenarios=["spike"], seeds=[1], engine="fast", tell=False)
print(card.score.share_percent)
try:
    mk.grade("static", scenarios=["none"], tell=False)
except mk.errors.UserError as error:
    print(error)
"""


def test_a_script_without_a_guard_gets_its_card(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": python_path(), "XDG_CACHE_HOME": str(tmp_path)},
        cwd=tmp_path,
        check=False,
    )
    share, refusal = ran.stdout.splitlines() or ("", ran.stderr)
    assert float(share) == 0.0
    assert 'Unknown scenario "none"' in refusal
