"""Writes a run while it goes on."""
