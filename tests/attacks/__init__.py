"""Forged and malformed tokens, keys and rings, sent to a real application."""
