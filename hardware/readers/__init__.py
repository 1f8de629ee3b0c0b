"""Badge readers: pure parsers, the debounce that all share, and the ports they are read through."""
