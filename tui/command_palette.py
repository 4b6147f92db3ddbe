"""Every key's action, every choice and every form, for the command palette."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.types import IgnoreReturnCallbackType

if TYPE_CHECKING:
    from marskit.tui.app import MarskitApp


class MarskitCommands(Provider):
    """Searches the keys' help texts, their choices, and the titles of the forms."""

    async def discover(self) -> Hits:
        """All commands, before anything is typed."""
        for name, help_text, callback in self._all():
            yield DiscoveryHit(name, callback, help=help_text)

    async def search(self, query: str) -> Hits:
        """The commands that match."""
        matcher = self.matcher(query)
        for name, help_text, callback in self._all():
            if (score := matcher.match(name)) > 0:
                yield Hit(score, matcher.highlight(name), callback, help=help_text)

    def _all(self) -> Iterator[tuple[str, str, IgnoreReturnCallbackType]]:
        app = cast("MarskitApp", self.app)
        for key in app.keys:
            if key.action != "command_palette":
                yield key.help, f"key {key.shown}", partial(app.run_action, key.action)
        for question, option in app.choices():
            yield f"{question} {option.label}", option.note, partial(app.submit, option.command)
        for form in app.forms():
            yield form.title, f"now: {form.now}", partial(app.fill_in, form)
