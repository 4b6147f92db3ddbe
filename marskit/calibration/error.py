"""Errors of calibration."""

from marskit.errors import UserError


class CalibrationError(UserError):
    """A run or a file that cannot be used for calibration; one sentence says why."""
