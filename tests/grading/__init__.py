"""Tests of score cards."""
