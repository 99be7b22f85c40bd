"""Sessions: login, refresh, logout and revocation; the room that touches accounts and tokens alike."""
