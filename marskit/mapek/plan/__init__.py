"""Plan: the planner, the shield, and the predictions for the plan."""
