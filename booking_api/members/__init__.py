"""Members: who they are, what they may do on the server, and what they may owe."""
