"""Flask around the token core: manager, settings, guards, cookies, answers."""
