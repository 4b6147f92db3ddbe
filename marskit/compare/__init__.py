"""Planners side by side on identical load: jobs, measures and one report."""
