"""A PZEM-004T v3: a meter of voltage, current, power and energy on a serial line."""
