"""Care of runs: checking, pruning, sharing."""
