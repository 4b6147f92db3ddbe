"""Reads runs: files, events, tables."""
