"""The loop's memory: every cycle of every run, durable and readable by other tools."""
