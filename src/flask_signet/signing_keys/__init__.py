"""The signing keys that the database holds, and the ring read from it."""
