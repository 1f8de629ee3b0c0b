"""GRBL 1.1, grblHAL and FluidNC, over a serial port or TCP; alone, or as a proxy of the sender."""
