"""Rich output of recorded runs and of runs without a screen."""
