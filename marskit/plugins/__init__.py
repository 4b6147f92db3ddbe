"""Planners that are not ours: found, loaded, and run in a process of their own."""
