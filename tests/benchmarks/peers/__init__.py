"""Other systems on the same work: each in a process of its own, driven over its own public protocol."""
