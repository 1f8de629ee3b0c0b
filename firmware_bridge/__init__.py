"""What machines say of themselves: one folder a protocol, transports beside them."""
