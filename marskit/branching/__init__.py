"""What if another planner had decided? A recorded run continues in the twin from one of its cycles."""
