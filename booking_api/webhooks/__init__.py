"""Happenings that are sent to programs: signed, again until they are taken, to public addresses only."""
