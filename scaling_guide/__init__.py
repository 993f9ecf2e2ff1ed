"""Scaling Guide: documented facts, the files rendered from them, and the checks that try them."""
