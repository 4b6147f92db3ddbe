"""Plan: the planner, the shield, and what is predicted of its plan."""
