"""The token engine against published data, and the keys that our own tests sign with."""
