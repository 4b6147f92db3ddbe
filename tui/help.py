"""The help as a document: what each phase means, every key, and the marks on the screen."""

from collections.abc import Sequence

from marskit.domain.records import Phase
from marskit.tui.keys import KEYS, Group, Key
from marskit.views.document import Block, Document, Heading, Sentence
from marskit.views.phases import MEANINGS
from marskit.views.tone import SYMBOLS, Tone

_GROUPS = {
    Group.PLAY: "play the recording",
    Group.JUMP: "jump",
    Group.BRANCH: "what would have been",
    Group.LOOP: "the loop",
    Group.LOAD: "the load",
    Group.CHAOS: "break something",
    Group.SCALE: "change the selected workload",
    Group.SCREEN: "the screen",
}
_LIVE = (
    "A mesh under load. The loop reads it, judges it, plans, and changes it: step through that "
    "with s, or let it run with the space bar. Break something and watch it mend."
)
_RECORDED = (
    "A run as it was recorded, event by event: what the screen showed then, it shows now. Play it with the "
    "space bar, step through it both ways, or click on the bar. Branch with b: from here on, in the twin, "
    "another planner decides."
)
_MARKS = (
    (SYMBOLS[Tone.OK], Tone.OK, "well: objectives kept, replicas ready"),
    (SYMBOLS[Tone.WARN], Tone.WARN, "watch it: saturated, replicas missing, or near its objective"),
    (SYMBOLS[Tone.BAD], Tone.BAD, "an objective is violated, or no replica is ready"),
    (SYMBOLS[Tone.UNKNOWN], Tone.UNKNOWN, "unknown: nothing or too little was seen"),
    ("◆", Tone.BAD, "the bottleneck that a violation was traced to"),
    ("?", Tone.BAD, "in the Analyse box: the likeliest fault"),
    ("↯", Tone.PERSON, "a fault that you put in"),
    ("⊘", Tone.WARN, "the shield changed what the planner proposed"),
    ("~", Tone.PLAIN, "a p95 with too few samples (n) behind it to be trusted"),
    ("50→48 %", Tone.ACCENT, "the configured weight of a destination, and the share it really had"),
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
    blocks.append(Sentence("Tab goes to the mesh, the rail or the log; the arrow keys and the mouse select."))
    blocks.append(Heading("the marks"))
    blocks += [Sentence(words, Tone.PLAIN, mark, tone) for mark, tone, words in _MARKS]
    return tuple(blocks)
