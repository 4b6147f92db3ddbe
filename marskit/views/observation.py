"""Monitor's observation, as tables."""

from marskit import text
from marskit.domain.observation import Observation, ServiceObservation
from marskit.views.document import Block, Cell, Document, Sentence, Table
from marskit.views.tone import SYMBOLS, Tone


def observation_document(seen: Observation) -> Document:
    """Services, workloads and edges with their numbers, and the state of the configuration."""
    blocks: list[Block] = [
        Sentence(f"Window: {text.duration(seen.window_s)}, up to {text.clock(seen.at_s)}.", Tone.DIM),
        Table(
            ("service", "req/s", "p50", "p95", "n", "errors"), tuple(_service(row) for row in seen.services)
        ),
        Table(
            ("workload", "ready", "utilisation", "queue"),
            tuple(
                (
                    Cell(row.workload),
                    Cell(
                        text.replicas(row.replicas_ready, row.replicas_desired),
                        Tone.WARN if row.replicas_missing else Tone.PLAIN,
                    ),
                    Cell(text.share(row.utilisation)),
                    Cell(text.number(row.queued)),
                )
                for row in seen.workloads
            ),
        ),
        Table(
            ("edge", "req/s", "p95", "n", "errors", "weight"),
            tuple(
                (
                    Cell(str(row.edge)),
                    Cell(text.number(row.requests_per_s)),
                    Cell(text.quantile(row.latency.p95_ms, trusted=row.latency.p95_is_trusted)),
                    Cell(str(row.latency.n), Tone.DIM),
                    Cell(text.percent(row.error_percent), Tone.BAD if row.error_percent else Tone.PLAIN),
                    Cell(text.weight(row.weight_percent, row.share_percent)),
                )
                for row in seen.edges
            ),
        ),
    ]
    generation = seen.generation
    blocks.append(
        Sentence(
            f"Configuration: {generation.accepted} accepted, {text.whole(generation.pushed)} pushed, "
            f"{text.whole(generation.effective)} effective.",
            Tone.DIM,
        )
    )
    if generation.rejected_reason:
        blocks.append(
            Sentence(f"The proxy rejected it: {generation.rejected_reason}", Tone.BAD, SYMBOLS[Tone.BAD])
        )
    return tuple(blocks)


def _service(row: ServiceObservation) -> tuple[Cell, ...]:
    latency = row.latency
    return (
        Cell(row.service),
        Cell(text.number(row.requests_per_s)),
        Cell(text.ms(latency.p50_ms)),
        Cell(text.quantile(latency.p95_ms, trusted=latency.p95_is_trusted)),
        Cell(str(latency.n), Tone.DIM),
        Cell(text.percent(row.error_percent), Tone.BAD if row.error_percent else Tone.PLAIN),
    )
