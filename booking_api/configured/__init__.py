"""The settings file as pages show and change it."""
