"""Trained networks that are shipped."""
