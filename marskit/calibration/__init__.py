"""Calibration: the twin's numbers fitted to recorded runs, and how well it repeats what it did not see."""
