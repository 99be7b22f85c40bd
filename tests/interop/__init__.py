"""Tokens that pass between this package and others, both ways."""
