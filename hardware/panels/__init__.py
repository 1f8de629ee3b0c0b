"""What a member sees and hears at a station."""
