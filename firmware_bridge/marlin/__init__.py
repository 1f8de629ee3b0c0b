"""Printers with Marlin firmware, over a serial port or TCP; alone on the line, or as a proxy of the host."""
