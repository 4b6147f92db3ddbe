"""All keys of a replay, like `tui.keys` for a live run."""

from marskit.tui.keys import KEYS, keys_of
from marskit.views.controls import REPLAY_CONTROLS, Intent

REPLAY_KEYS = keys_of(REPLAY_CONTROLS)
"""What a person can do with a recording."""
_TAKEN = {name for key in REPLAY_KEYS for name in key.keys.split(",")}
REFUSED = ",".join(
    name
    for key in KEYS
    if isinstance(key.control.does, Intent)
    for name in key.keys.split(",")
    if name not in _TAKEN
)
"""The keys that would change a live mesh."""
