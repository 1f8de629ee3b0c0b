"""Reservations: who may book a machine and when, and who is next. Pure: no clock, no database.

`load.read_policies(text, file, zone, kinds) -> Policies` reads a reservations.toml; raises ConfigError.
`decide.decide(policies, wanted, known, zone) -> Allowed | Turned` says whether a slot may be booked.
`limits.window_of(policies, wanted, zone)` is the time of which it must know the member's reservations and
uses, `slots.reach(policies, wanted)` that of which it must know the machine's reservations.
`slots.standing_at`, `slots.released_ms` and `slots.free` say what a reservation is by now and what is free.
`walk_in.decide`, `extension.decide`, `extension.until_ms`, `hand_over.decide`, `queue.next_in_line`,
`queue.offer_until_ms`, `recurring.expand`, `fees.of_cancel` and `fees.of_no_show` answer what their names
say.
"""
