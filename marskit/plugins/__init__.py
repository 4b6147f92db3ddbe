"""Finds and loads planners that marskit does not ship, and runs each in a process of its own."""
