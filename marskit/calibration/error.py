"""What keeps runs from being calibrated to."""

from marskit.errors import UserError


class CalibrationError(UserError):
    """One sentence that says which run or file is of no use, and why."""
