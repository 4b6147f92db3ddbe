"""The help document: the meaning of each phase, every control, and the marks on the screen."""

from collections.abc import Callable, Sequence

from marskit.domain.records import Phase
from marskit.views.controls import Control, Does, Group, Intent, Move
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
    "with {step}, or let the loop run with {run}. Inject a fault and watch the loop recover."
)
_RECORDED = (
    "A recorded run, event by event, with the screen exactly as it was. Play it with {play}, step "
    "in either direction, or click on the bar. Branch with {branch}: from the current cycle on, another "
    "planner decides in the twin."
)
_MARKS = (
    (SYMBOLS[Tone.OK], Tone.OK, "healthy: replicas ready, its own errors and times as promised"),
    (SYMBOLS[Tone.WARN], Tone.WARN, "warning: saturated, replicas missing, or close to an SLO"),
    (
        SYMBOLS[Tone.BAD],
        Tone.BAD,
        "no replica ready, or too many errors or too slow by itself; an SLO violated",
    ),
    (SYMBOLS[Tone.UNKNOWN], Tone.UNKNOWN, "unknown: no traffic, or too few requests"),
    ("◆", Tone.BAD, "the bottleneck that causes a violation"),
    ("?", Tone.BAD, "in the Analyse box: the most likely fault"),
    ("↯", Tone.PERSON, "a fault that you injected; ✚ where faults were cleared"),
    ("◇", Tone.ACCENT, "a canary: a new version that gets a part of the traffic"),
    ("2/3", Tone.STRONG, "2 replicas are ready, 3 are desired"),
    ("━━── 65 %", Tone.OK, "utilisation: the share of time in which the replicas' workers are busy"),
    ("q 7", Tone.WARN, "queue: 7 requests wait for a worker"),
    ("n 1118", Tone.DIM, "the number of successes that a percentile rests on"),
    ("~", Tone.PLAIN, "a p95 from too few samples (n) to be reliable"),
    ("50→53 %", Tone.ACCENT, "weight: 50 % is configured for this destination, 53 % of the requests took it"),
    ("✖ 4 %", Tone.BAD, "at a line: the share of its requests that failed; `2 out`: replicas ejected"),
    ("◂ ▸", Tone.ACCENT, "in the list of a large mesh: calls the selected workload, is called by it"),
    ("━ ┈ ╌", Tone.ACCENT, "in the curves: p95, p50 (dotted), and the SLO across"),
    ("▲ ▼ ↔ ≡", Tone.ACCENT, "under the curves: scaled up, scaled down, traffic shifted, another setting"),
    ("×3", Tone.PERSON, "the factor on the scenario's load"),
    ("⊘", Tone.WARN, "the shield changed what the planner proposed"),
    ("≈ 2", Tone.ACCENT, "2 situations like this were found in earlier runs"),
    ("◉ ✔ ○ ▲", Tone.ACCENT, "a phase under way, done, still to come, waiting for your approval"),
    (
        "utility",
        Tone.DIM,
        "requests served within their SLO, less those violated or failed, replicas and changes",
    ),
    ("symptom", Tone.DIM, "a finding of Analyse with its evidence: a violation, saturation, an anomaly"),
)


def help_document(
    controls: Sequence[Control], *, key: Callable[[Does], str], spoken: Callable[[Does], str], moving: str
) -> Document:
    """Everything a newcomer needs, the phases first.

    Args:
        controls: What a person can do.
        key: The key or button of a control, as shown before its sentence.
        spoken: The same within a sentence.
        moving: How a person moves between the panels.
    """
    recorded = any(control.does is Move.PLAY for control in controls)
    about = (
        _RECORDED.format(play=spoken(Move.PLAY), branch=spoken(Move.BRANCH))
        if recorded
        else _LIVE.format(step=spoken(Intent.STEP_PHASE), run=spoken(Intent.RUN))
    )
    blocks: list[Block] = [
        Sentence(about),
        Heading("the five phases"),
        *(Sentence(MEANINGS[phase], Tone.PLAIN, "▎", Tone.ACCENT) for phase in Phase),
    ]
    for group, title in _GROUPS.items():
        lines = [
            Sentence(f"{control.help}.", Tone.PLAIN, key(control.does), Tone.ACCENT)
            for control in controls
            if control.group is group
        ]
        blocks += [Heading(title), *lines] if lines else []
    blocks.append(Sentence(moving))
    blocks.append(Heading("the marks"))
    blocks += [Sentence(words, Tone.PLAIN, mark, tone) for mark, tone, words in _MARKS]
    return tuple(blocks)
