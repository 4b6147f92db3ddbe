"""How a person branches a recording: from which cycle, with which planner, and what is told meanwhile."""

from collections.abc import Sequence

from marskit import text
from marskit.domain import commands
from marskit.replay.player import Player
from marskit.views.controls import Hint, Move
from marskit.views.meaning import Option, Prompt
from marskit.views.notices import Notice
from marskit.views.tone import Tone

NO_CYCLE = Notice("No cycle to branch from here.", Tone.WARN)
STILL_BRANCHING = Notice("Another branch is still running.", Tone.WARN)
BRANCH_COMES = Notice("The branch is still being computed; it opens by itself.")
NO_BRANCH = Notice("No branch yet.", hint=Hint(Move.BRANCH, "to create one"))


def cycle_to_branch(player: Player) -> int | None:
    """The cycle under way, or the next if this one has acted already; None without any."""
    timeline, cycle = player.timeline, player.state.cycle
    if cycle is None:
        return timeline.cycles[0] if timeline.cycles else None
    following = cycle.id + 1 in timeline.cycles and cycle.phase_done and cycle.phase == "knowledge"
    return cycle.id + 1 if following else cycle.id


def branch_question(planners: Sequence[str], recorded: str, cycle: int) -> Prompt:
    """Which planner decides from that cycle on."""
    options = tuple(
        Option(name, "recorded" if name == recorded else "", commands.SetPlanner(name)) for name in planners
    )
    return Prompt(f"Which planner decides from cycle {cycle} on, in the twin?", options)


def branch_begun(planner: str, cycle: int) -> str:
    """The note while nothing is known of the progress."""
    return f"branch: {planner} from cycle {cycle}…"


def branch_words(doing: str, done: int, of: int) -> str:
    """The progress of a branch."""
    share = f" ({text.percent(100.0 * done / of)})" if of else ""
    return f"branch: {doing} {done} of {of}{share}"
