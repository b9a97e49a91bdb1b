"""The compiled backends."""
