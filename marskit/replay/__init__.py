"""A recorded run to go about in: every step of it, what it is worth jumping to, and a hash of each state."""
