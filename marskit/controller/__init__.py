"""The one controller: commands in, events out, and the loop between."""
