"""Monitor: samples in, observations out."""
