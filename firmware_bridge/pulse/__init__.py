"""Any machine, by one signal of it: a contact, a lamp, a current sensor says whether it is busy."""
