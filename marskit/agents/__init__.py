"""The planners: honest baselines that decide what to do about a diagnosis."""
