"""Analyse: observations in, a diagnosis out."""
