"""A score card, and the ranking of a class, in words and tables."""

from collections.abc import Sequence

from marskit.compare.table import NOTE
from marskit.grading.card import Row, ScoreCard
from marskit.statistics import Estimate
from marskit.views.document import Cell, Document, Heading, Sentence, Table
from marskit.views.tone import SYMBOLS, Tone

COLUMNS = ("planner", "violation min", "replica-min", "failed", "actions", "utility/s")


def spread(value: Estimate, digits: int = 2) -> str:
    """The estimate and its interval."""
    return f"{value.value:.{digits}f} ({value.low:.{digits}f}…{value.high:.{digits}f})"


def share(card: ScoreCard) -> str:
    """The share of the way from static to the oracle."""
    if card.score is None:
        return "—"
    if card.score.share_percent is None:
        return "not defined"
    return f"{card.score.share_percent:.0f} %"


def document(card: ScoreCard) -> Document:
    """The whole card."""
    parts: list[Heading | Sentence | Table] = [Heading(f"Score card: {card.planner}")]
    if card.failure:
        parts.append(Sentence(f"Not measured: {card.failure}", Tone.BAD, SYMBOLS[Tone.BAD]))
    if card.score is not None:
        words = f"Way from static to the oracle, in utility: {share(card)}."
        if card.score.share_percent is None:
            words += " On these runs the oracle is not better than static."
        parts += [
            Sentence(words),
            Sentence(
                f"Against the tuned HPA ({card.tuned}): {spread(card.score.violations_against)} violation "
                f"minutes and {spread(card.score.utility_against)} utility per second, on the same arrivals."
            ),
        ]
    if card.rows:
        parts += [Table(COLUMNS, tuple(map(_row, card.rows))), Sentence(f"{NOTE} {card.caveat}".rstrip())]
    parts += [Sentence(each, Tone.DIM) for each in (*_conduct(card), *_stamp(card))]
    return tuple(parts)


def ranking(cards: Sequence[ScoreCard]) -> Table:
    """All cards, best mean utility first; equal ones share a place, and those not measured come last."""

    def key(card: ScoreCard) -> float:
        return -card.rows[0].utility_per_s.value if card.score is not None else float("inf")

    rows = []
    ordered = sorted(cards, key=key)
    values = [key(card) for card in ordered]
    for card, value in zip(ordered, values, strict=True):
        # Planners that are equally good, such as all that never act, share a place.
        place = values.index(value) + 1
        if card.score is None:
            rows.append((Cell("—"), Cell(card.planner), Cell(card.failure), *[Cell("")] * 3))
            continue
        conduct = card.conduct
        rows.append(
            (
                Cell(str(place)),
                Cell(card.planner),
                Cell(spread(card.rows[0].utility_per_s)),
                Cell(share(card)),
                Cell(spread(card.score.violations_against)),
                Cell(f"{conduct.without_plan} of {conduct.decisions}" if conduct else ""),
            )
        )
    columns = ("rank", "planner", "utility/s", "static to oracle", "violation min ± tuned HPA", "no plan")
    return Table(columns, tuple(rows))


def _row(row: Row) -> tuple[Cell, ...]:
    return (
        Cell(row.planner),
        Cell(spread(row.violation_minutes)),
        Cell(spread(row.replica_minutes, 1)),
        Cell(spread(row.failed_requests, 0)),
        Cell(spread(row.actions, 1)),
        Cell(spread(row.utility_per_s)),
    )


def _conduct(card: ScoreCard) -> list[str]:
    conduct = card.conduct
    if conduct is None:
        return []
    words = (
        f"Conduct over {conduct.decisions} decisions: {conduct.without_plan} without a usable plan "
        f"({conduct.raised} raised, {conduct.late} late, {conduct.killed} killed, {conduct.not_asked} no "
        f"longer asked); the shield limited or dropped {conduct.clamped} actions."
    )
    if conduct.median_ms is not None:
        words += f" Time to a plan: median {conduct.median_ms:.1f} ms, p95 {conduct.p95_ms:.1f} ms."
    told = [words]
    if conduct.complaint:
        told.append(f"First failure: {conduct.complaint}")
    if not conduct.reproducible:
        told.append("Not reproducible: the clock on the wall stopped the planner.")
    return told


def _stamp(card: ScoreCard) -> list[str]:
    told = [
        f"Scenarios {', '.join(card.scenarios)}; seeds {', '.join(map(str, card.seeds)) or 'none named'}; "
        f"engine {card.engine}."
    ]
    if card.secret is not None:
        told.append(
            f"{card.secret.number} secret seeds; SHA-256 {card.secret.sha256} with salt {card.secret.salt}."
        )
    if card.sha256 is not None:
        told.append(f"SHA-256 of the file: {card.sha256}.")
    told.append(", ".join(f"{name} {version}" for name, version in card.versions) + ".")
    return told
