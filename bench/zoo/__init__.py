"""Trained networks: loading, publishing, checking, moving along their curve."""
