"""The numbers that the README claims: each module is a command, run by `make bench`."""
