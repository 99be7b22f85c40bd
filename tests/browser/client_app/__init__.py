"""A small application with Signet, and a page that loads the built client: what the tests of the client run."""
