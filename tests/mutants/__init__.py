"""Each safety rule taken out of the code, one at a time: a suite that passes then does not hold it."""
