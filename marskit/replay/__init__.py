"""A recorded run to move through: its steps, the stops worth jumping to, and a hash of each state."""
