"""A current sensor on I²C: an ADS1115 with a current transformer, or an INA219 with its shunt."""
