"""A disk that keeps what it was told, write by write: `recorded` runs a program, `Disk` cuts its power."""
