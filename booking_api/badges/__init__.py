"""Badges: what a member taps. A badge is not a member; a member may have several."""
