"""The paces that the twin's time can have."""

LEAST_PACE, MOST_PACE = 0.1, 1000.0
"""The paces that a time that is not real may have, in its seconds per real second."""
