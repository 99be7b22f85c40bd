"""Helpers of the tests that run real programs: servers, PostgreSQL, a browser."""
