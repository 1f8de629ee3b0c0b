"""Spaces to begin with: plain files for each way of running one."""
