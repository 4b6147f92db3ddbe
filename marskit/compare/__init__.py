"""Planners side by side on identical load: jobs, measures, statistics and one report."""
