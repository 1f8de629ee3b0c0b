"""Who asks, and what they may do: passwords, browser sessions, API tokens, permissions."""
