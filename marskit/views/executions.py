"""One execution in full: the command, the diff, the command that reverses it, and the outcome."""

from marskit import text
from marskit.domain.actions import describe
from marskit.domain.records import Effect, Execution
from marskit.views.actions import origin_name, outcome_mark
from marskit.views.document import Block, Code, Document, Language, Sentence
from marskit.views.tone import Tone


def execution_document(execution: Execution, effect: Effect | None = None) -> Document:
    """Everything a person needs to repeat or reverse the execution, and its effect once measured."""
    symbol, tone = outcome_mark(execution.outcome)
    who = origin_name(execution.origin)
    went = f"{describe(execution.action)}: {execution.outcome} at {text.clock(execution.at_s)} ({who})"
    blocks: list[Block] = [Sentence(went, tone, symbol)]
    if execution.reason:
        blocks.append(Sentence(execution.reason, Tone.DIM, " "))
    if execution.pushed_after_ms is not None:
        effective = text.ms(execution.effective_after_ms)
        blocks.append(
            Sentence(
                f"pushed after {text.ms(execution.pushed_after_ms)}, effective after {effective}",
                Tone.DIM,
                " ",
            )
        )
    if effect is not None:
        blocks.append(Sentence(effect.sentence, Tone.PLAIN, "↳"))
    blocks.append(Code(execution.command, Language.COMMAND))
    if execution.diff:
        blocks.append(Code(execution.diff, Language.DIFF))
    if execution.inverse_command:
        blocks += [Sentence("undo with", Tone.DIM), Code(execution.inverse_command, Language.COMMAND)]
    return tuple(blocks)
