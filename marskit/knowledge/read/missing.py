"""Reports the loss when files of a run are damaged or missing, or could not be stored."""

from collections.abc import Iterable, Iterator, Sequence

from marskit.knowledge.format.file_names import File, Span
from marskit.knowledge.format.log import COMPLETED
from marskit.knowledge.format.tables import LOG
from marskit.knowledge.read.reading import Cover, Files


def problems(files: Files, cover: Cover) -> list[str]:
    """One sentence for each damaged or missing file, given the cover chosen from `files`."""
    held = [file.span for file in cover.files]
    sentences = []
    for file, wrong in cover.damaged:
        lost = list(_without(file.span, held))
        what = _cycles(files, lost) if lost else "nothing is lost, other files contain the same"
        sentences.append(f"{wrong.rstrip('.')}; {what}.")
    if files.files:
        whole = Span(1, max(file.span.last for file in files.files))
        known = [*held, *(file.span for file, _ in cover.damaged)]
        gone = list(_without(whole, known))
        if gone:
            lost_cycles = _cycles(files, gone)
            sentences.append(f"{files.location()}: files are missing or never stored; {lost_cycles}.")
    return sentences


def _without(span: Span, held: Iterable[Span]) -> Iterator[Span]:
    """The parts of `span` that none of `held` contains."""
    first = span.first
    for other in sorted(held):
        if other.first > first:
            yield Span(first, min(span.last, other.first - 1))
        first = max(first, other.last + 1)
        if first > span.last:
            return
    yield Span(first, span.last)


def _cycles(files: Files, lost: Sequence[Span]) -> str:
    """The missing cycles of these batches: from the last stored one before to the first one after."""
    stored = [(file.span, _completed(files, file)) for file in files.cover(LOG).files]
    parts = []
    for span in lost:
        before = [n for other, numbers in stored if other.last < span.first for n in numbers]
        after = [n for other, numbers in stored if other.first > span.last for n in numbers]
        parts.append(_missing(max(before, default=0) + 1, min(after) - 1 if after else None))
    return ", ".join(parts)


def _missing(first: int, last: int | None) -> str:
    if last is None:
        return f"everything from cycle {first} on is missing"
    if last < first:
        return f"some events before cycle {first} are missing"
    return f"cycle {first} is missing" if first == last else f"cycles {first} to {last} are missing"


def _completed(files: Files, file: File) -> list[int]:
    frame = files.read(file.name, ("cycle", "kind"))
    return frame.filter(frame["kind"] == COMPLETED)["cycle"].to_list()
