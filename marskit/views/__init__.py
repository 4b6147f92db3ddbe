"""Pure functions from the state of a run to what a screen shows; no front end is known here."""
