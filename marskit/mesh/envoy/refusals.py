"""What Envoy says of a configuration that it does not take: its reason, out of its log."""

import re
from pathlib import Path

_ENTRY = re.compile(
    r"^\[\d{4}-\d\d-\d\d [^\]]*\]\[\d+\]\[(?P<level>\w+)\]\[(?P<component>[\w.]+)\] (?:\[[^\]]*\] )?",
    re.MULTILINE,
)
_SEVERE = ("warning", "error", "critical")
_ANNOUNCEMENT = re.compile(r"^Filesystem config update \w+: (?:in \S*?([^/\s]+\.json), )?")
# It prints the whole resource, or the whole file, before or after the reason.
_PRINTED_RESOURCE = re.compile(r"\A.*^\}\s*: ", re.DOTALL | re.MULTILINE)
_PRINTED_FILE = re.compile(r"\): [{\[].*\Z", re.DOTALL)
_LONGEST = 1000


def reason_in(log: Path, since_bytes: int) -> str:
    """Envoy's newest complaint about its configuration since that offset of its log; empty if none."""
    try:
        with log.open("rb") as file:
            # Logs that grow too long are truncated.
            file.seek(since_bytes if since_bytes <= log.stat().st_size else 0)
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    said = [entry for entry in _entries(text) if entry[0] in _SEVERE]
    chosen = [message for _, component, message in said if component == "config"] or [m for *_, m in said]
    return _reason(chosen[-1]) if chosen else ""


def _entries(text: str) -> list[tuple[str, str, str]]:
    """Level, component and message of each entry; messages go over several lines."""
    heads = list(_ENTRY.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)] * bool(heads)
    return [
        (head["level"], head["component"], text[head.end() : end])
        for head, end in zip(heads, ends, strict=True)
    ]


def _reason(message: str) -> str:
    announced = _ANNOUNCEMENT.match(message)
    rest = message[announced.end() :] if announced else message
    rest = _PRINTED_FILE.sub(")", _PRINTED_RESOURCE.sub("", rest))
    words = " ".join(rest.split())
    if announced and announced[1]:
        words = f"{announced[1]}: {words}"
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}..."
