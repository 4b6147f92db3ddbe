"""Runs looked after: checked, pruned, shared."""
