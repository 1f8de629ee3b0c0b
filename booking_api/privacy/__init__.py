"""What the law gives a member: all that is known of them in one file, and to be forgotten."""
