"""What watches a run beside the loop: predictions that fail, canaries, drift."""
