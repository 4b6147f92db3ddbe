"""What keeps runs from being calibrated to."""


class CalibrationError(ValueError):
    """One sentence that says which run or file is of no use, and why."""
