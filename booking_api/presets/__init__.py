"""Presets: plain files that set a space up after a model, and how a folder of such files is applied."""
