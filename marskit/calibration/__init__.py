"""Calibration: fits the twin to recorded runs, and validates it on data that it was not fitted to."""
