"""Sessions: login, refresh, logout and revocation; the only package that uses both accounts and tokens."""
