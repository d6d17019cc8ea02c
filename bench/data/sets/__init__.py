"""Data sets as they are registered: one file each."""
