"""Courses and their classes: planned, signed up for, waited for, attended."""
