"""A run written while it goes on."""
