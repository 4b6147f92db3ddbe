"""Execute: carries out actions and measures their effects."""
