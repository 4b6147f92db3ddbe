"""Pure functions from the state of a run to what a screen shows; they know no front end."""
