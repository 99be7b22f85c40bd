"""Sessions: login, refresh, logout and revocation; this package builds on accounts and tokens."""
