"""Places in whole cells and dots: the only rounding of the terminal front end, which formats no number."""


def nearest(place: float) -> int:
    """The cell or dot nearest to a place."""
    return round(place)
