"""Connect the token core to Flask: manager, settings, guards, cookies and answers."""
