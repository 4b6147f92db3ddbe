"""The live screen and the few that open over it."""
