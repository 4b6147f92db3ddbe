"""`kill -9` of what marskit has started: the run goes on, says so, and still leaves nothing."""

from pathlib import Path

import pytest

from marskit.domain.events import LoadLost, LoadRestored, Noticed
from marskit.domain.load import LoadStatus
from tests.e2e.program import START_S, Program, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.mesh, pytest.mark.xdist_group("e2e")]


def test_a_run_survives_the_death_of_everything_it_started(tmp_path: Path) -> None:
    common = ("--headless", "--json", "--planner", "static", "--period", "0.5", "--cycles", "100000")
    with Program(tmp_path / "home", *common) as program:

        def wait_for_notice(words: str) -> None:
            def told() -> bool:
                return any(words in notice.sentence for notice in program.events(Noticed))

            wait_for(words, told, START_S)

        program.wait_for_cycles(2)
        for guard in program.children("reaper.py"):
            guard.kill()
        (envoy,) = program.children("bootstrap.json")
        envoy.kill()
        wait_for_notice("Envoy ended by signal 9 and is restarting")
        wait_for_notice("Envoy is running again")
        (locust,) = program.children("-m locust")
        locust.kill()
        wait_for("Locust is lost", lambda: program.events(LoadLost), START_S)
        wait_for("Locust is back", lambda: program.events(LoadRestored), START_S)
        assert "SIGKILL" in program.events(LoadLost)[0].sentence
        program.wait_for_cycles(len(program.cycles) + 3)
        load = program.cycles[-1].observation.load
        assert load is not None
        assert load.status is LoadStatus.RUNNING
        program.popen.terminate()
        assert (program.end(), program.err) == (143, [])
        program.assert_nothing_left()
