"""The space in the community's directory: what SpaceAPI asks for, without anybody in it."""
