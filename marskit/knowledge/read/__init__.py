"""Runs read back: files, events, tables."""
