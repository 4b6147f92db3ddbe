"""Cards of known planners, of failing ones, and what a card keeps to itself."""

import json
from pathlib import Path

import pytest

from marskit.cli.main import main
from marskit.grading.card import ScoreCard
from marskit.grading.child import GradeError
from marskit.grading.files import write_cards
from marskit.grading.grade import grade_all
from marskit.grading.secret import SecretSeedsError, read_seeds, seal, without
from marskit.grading.submissions import planner_in
from marskit.grading.words import ranking

pytestmark = [pytest.mark.notebook, pytest.mark.timeout(400)]
SECRET = 424242
HOSTILE = Path(__file__).parents[1] / "plugins" / "hostile.py"
TELLS = '''
import marskit as mk


class Tells(mk.Planner):
    """Repeats its seed in every message."""

    name, summary = "tells", "Tells its seed."

    def reset(self, seed):
        self.seed = seed

    def plan(self, diagnosis, view):
        raise ValueError(f"the seed is {self.seed}")
'''


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ScoreCard]:
    """One grading of several planners: the rivals and the tuning are run once for all tests."""
    file = tmp_path_factory.mktemp("class") / "tells.py"
    file.write_text(TELLS, encoding="utf-8")
    names = ("static", "oracle", f"{file}:Tells", f"{HOSTILE}:ExitsAtOnce", f"{HOSTILE}:Missing")
    made = grade_all(
        names, scenarios=("spike",), seeds=(1,), secret_seeds=(SECRET,), engine="fast", cached=False
    )
    return {card.planner.rpartition(":")[2]: card for card in made}


def test_the_way_from_static_to_the_oracle_has_known_ends(cards: dict[str, ScoreCard]) -> None:
    static, oracle = cards["static"].score, cards["oracle"].score
    assert static is not None
    assert oracle is not None
    assert static.share_percent == pytest.approx(0.0)
    assert oracle.share_percent == pytest.approx(100.0)


def test_a_planner_without_plans_scores_as_static_and_its_conduct_says_why(
    cards: dict[str, ScoreCard],
) -> None:
    card = cards["Tells"]
    assert card.score is not None
    assert card.conduct is not None
    assert card.score.share_percent == pytest.approx(0.0)
    assert card.conduct.without_plan == card.conduct.raised > 0
    assert "(secret)" in card.conduct.complaint or "the seed is 1 " in card.conduct.complaint


def test_a_planner_whose_process_ends_is_measured_and_its_deaths_are_counted(
    cards: dict[str, ScoreCard],
) -> None:
    card = cards["ExitsAtOnce"]
    assert card.score is not None
    assert card.conduct is not None
    assert card.conduct.killed >= 3
    assert card.conduct.not_asked > 0


def test_a_planner_that_cannot_be_loaded_has_a_card_with_the_rivals(cards: dict[str, ScoreCard]) -> None:
    card = cards["Missing"]
    assert "cannot be loaded" in card.failure
    assert card.score is None
    assert [row.planner for row in card.rows] == ["static", "threshold", "demand", "oracle", "hpa-tuned"]


def test_planners_with_equal_figures_share_a_place(cards: dict[str, ScoreCard]) -> None:
    shown = {row[1].text.rpartition(":")[2]: row[0].text for row in ranking(tuple(cards.values())).rows}
    assert shown == {"oracle": "1", "static": "2", "Tells": "2", "ExitsAtOnce": "2", "Missing": "—"}


def test_no_file_names_a_secret_seed(cards: dict[str, ScoreCard], tmp_path: Path) -> None:
    write_cards(tmp_path, tuple(cards.values()))
    written = list(tmp_path.iterdir())
    assert len(written) == 2 * len(cards) + 1
    assert not [file.name for file in written if str(SECRET) in file.read_text(encoding="utf-8")]
    told = json.loads((tmp_path / "static.json").read_text(encoding="utf-8"))
    assert told["seeds"] == [1]
    assert told["secret"]["number"] == 1


def test_what_a_planner_says_of_its_secret_seed_is_replaced() -> None:
    assert without("seed 42, not 142 or 420", (42,)) == "seed (secret), not 142 or 420"
    assert seal((1, 2)).sha256 != seal((1, 2)).sha256


@pytest.mark.parametrize("content", [b"", b"1\nx\n", b"7\n7\n", b"\xff\xfe", b"-1\n"])
def test_a_damaged_file_of_seeds_is_refused_without_its_content(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "seeds"
    file.write_bytes(content)
    with pytest.raises(SecretSeedsError):
        read_seeds(file)


def test_seeds_are_one_a_line(tmp_path: Path) -> None:
    file = tmp_path / "seeds"
    file.write_text("100011\n\n 100012 \n", encoding="utf-8")
    assert read_seeds(file) == (100011, 100012)


def test_a_file_alone_means_its_one_planner(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(TELLS, encoding="utf-8")
    assert planner_in(str(file)) == f"{file}:Tells"
    file.write_text("class Broken(", encoding="utf-8")
    assert planner_in(str(file)) == f"{file}:Planner"
    assert planner_in("demand") == "demand"


def test_mistakes_are_told_before_anything_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GradeError, match="planner once"):
        grade_all(("static", "static"))
    with pytest.raises(GradeError, match="slow"):
        grade_all(("static",), engine="slow")
    assert main(["grade", "static", "--seeds", "one"]) == 2
    few = tmp_path / "few"
    few.write_text("123456\n7\n")
    assert main(["grade", "static", "--secret-seeds", str(few)]) == 2
    assert f"Line 2 of {few} is no secret seed" in capsys.readouterr().err
    few.write_text("123456\n")
    assert main(["grade", "static", "--seeds", "123456", "--secret-seeds", str(few)]) == 2
    assert "A secret seed is among the seeds" in capsys.readouterr().err
    assert main(["grade", "static", "--secret-seeds", str(tmp_path / "none")]) == 2
    assert "secret seeds" in capsys.readouterr().err
