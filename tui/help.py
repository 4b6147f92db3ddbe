"""The help document: the meaning of each phase, every key, and the marks on the screen."""

from collections.abc import Sequence

from marskit.domain.records import Phase
from marskit.tui.keys import KEYS, Group, Key
from marskit.views.document import Block, Document, Heading, Sentence
from marskit.views.phases import MEANINGS
from marskit.views.tone import SYMBOLS, Tone

_GROUPS = {
    Group.PLAY: "play the recording",
    Group.JUMP: "jump",
    Group.BRANCH: "what if",
    Group.LOOP: "the loop",
    Group.LOAD: "the load",
    Group.CHAOS: "break something",
    Group.SCALE: "change the selected workload",
    Group.SCREEN: "the screen",
}
_LIVE = (
    "A service mesh under load. The loop monitors it, analyses it, plans and acts: step through a cycle "
    "with s, or let the loop run with the space bar. Inject a fault and watch the loop recover."
)
_RECORDED = (
    "A recorded run, event by event, with the screen exactly as it was. Play it with the space bar, step "
    "in either direction, or click on the bar. Branch with b: from the current cycle on, another planner "
    "decides in the twin."
)
_MARKS = (
    (SYMBOLS[Tone.OK], Tone.OK, "healthy: SLO met, replicas ready"),
    (SYMBOLS[Tone.WARN], Tone.WARN, "warning: saturated, replicas missing, or close to its SLO"),
    (SYMBOLS[Tone.BAD], Tone.BAD, "SLO violated, or no replica ready"),
    (SYMBOLS[Tone.UNKNOWN], Tone.UNKNOWN, "unknown: no traffic, or too few requests"),
    ("◆", Tone.BAD, "the bottleneck that causes a violation"),
    ("?", Tone.BAD, "in the Analyse box: the most likely fault"),
    ("↯", Tone.PERSON, "a fault that you injected"),
    ("⊘", Tone.WARN, "the shield changed what the planner proposed"),
    ("~", Tone.PLAIN, "a p95 from too few samples (n) to be reliable"),
    ("50→48 %", Tone.ACCENT, "the configured weight of a destination, and its observed share"),
)


def help_document(keys: Sequence[Key]) -> Document:
    """Everything a newcomer needs, the phases first."""
    blocks: list[Block] = [
        Sentence(_LIVE if keys is KEYS else _RECORDED),
        Heading("the five phases"),
        *(Sentence(MEANINGS[phase], Tone.PLAIN, "▎", Tone.ACCENT) for phase in Phase),
    ]
    for group, title in _GROUPS.items():
        lines = [
            Sentence(f"{key.help}.", Tone.PLAIN, f"{key.shown:>5}", Tone.ACCENT)
            for key in keys
            if key.group is group
        ]
        blocks += [Heading(title), *lines] if lines else []
    blocks.append(Sentence("Tab moves between mesh, rail and log; select with the arrow keys or the mouse."))
    blocks.append(Heading("the marks"))
    blocks += [Sentence(words, Tone.PLAIN, mark, tone) for mark, tone, words in _MARKS]
    return tuple(blocks)
