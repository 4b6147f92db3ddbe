"""What would another planner have done? A recorded run goes on in the twin from one of its cycles."""
