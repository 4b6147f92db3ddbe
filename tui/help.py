"""The help as a document: what each phase means, every key, and the marks on the screen."""

from marskit.domain.records import Phase
from marskit.views.document import Block, Document, Heading, Sentence
from marskit.views.phases import MEANINGS
from marskit.views.tone import SYMBOLS, Tone
from tui.keys import KEYS, Group

_GROUPS = {
    Group.LOOP: "the loop",
    Group.LOAD: "the load",
    Group.CHAOS: "break something",
    Group.SCALE: "scale the selected workload",
    Group.SCREEN: "the screen",
}
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


def help_document() -> Document:
    """Everything a newcomer needs, the phases first."""
    blocks: list[Block] = [
        Sentence(
            "A mesh under load. The loop reads it, judges it, plans, and changes it: step through that "
            "with s, or let it run with the space bar. Break something and watch it mend."
        ),
        Heading("the five phases"),
        *(Sentence(MEANINGS[phase], Tone.PLAIN, "▎", Tone.ACCENT) for phase in Phase),
    ]
    for group, title in _GROUPS.items():
        blocks.append(Heading(title))
        blocks += [
            Sentence(f"{key.help}.", Tone.PLAIN, f"{key.shown:>5}", Tone.ACCENT)
            for key in KEYS
            if key.group is group
        ]
    blocks.append(Sentence("Tab goes to the mesh, the rail or the log; the arrow keys and the mouse select."))
    blocks.append(Heading("the marks"))
    blocks += [Sentence(words, Tone.PLAIN, mark, tone) for mark, tone, words in _MARKS]
    return tuple(blocks)
