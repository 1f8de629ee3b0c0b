"""`python -m booking_api.cli` is `makerfloor`."""

from booking_api.cli import main

main()
