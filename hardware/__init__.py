"""What is wired to the Pi: readers, relays, lamps, inputs, and a simulated twin of each."""
