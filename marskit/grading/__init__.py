"""Score cards: planners against fixed rivals on identical arrivals."""
