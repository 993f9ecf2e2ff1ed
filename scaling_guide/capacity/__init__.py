"""Arithmetic over traffic and machines: pure functions, figures in, figures out."""
