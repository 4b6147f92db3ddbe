"""Watchers beside the loop: failed predictions, canaries, drift."""
