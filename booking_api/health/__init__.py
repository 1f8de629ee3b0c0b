"""How gateways and machines are doing: what was out of reach, and what each did with its time."""
