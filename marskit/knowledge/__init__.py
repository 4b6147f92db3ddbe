"""What the loop learned: every cycle of every run, durable and readable by other tools."""
