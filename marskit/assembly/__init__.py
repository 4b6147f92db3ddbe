"""Puts a run together: settings, the choice of adapters, the twin of a run, data of earlier runs."""
