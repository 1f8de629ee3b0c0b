"""What holds for all tests: a machine that is busy makes no property false."""

from hypothesis import settings

settings.register_profile("makerfloor", deadline=None)
settings.load_profile("makerfloor")
