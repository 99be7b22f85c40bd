"""Unit and property tests of `flask_signet.tokens`."""
