"""Time as a parameter: the clock, and an event loop in virtual time."""
