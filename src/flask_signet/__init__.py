"""Authentication for Flask APIs and their front ends."""
