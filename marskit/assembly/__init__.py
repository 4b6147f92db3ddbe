"""Puts a run together: settings, the choice of adapters, the twin of a run, what earlier runs know."""
