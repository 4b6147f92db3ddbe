"""What the notebooks of the course use: incidents to diagnose, and the checks of exercises."""
