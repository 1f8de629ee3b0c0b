"""What gateway and server say to each other: versioned, documented in docs/topics.md, fuzzed."""
