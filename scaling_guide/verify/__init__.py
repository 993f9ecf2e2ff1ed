"""Documented facts held against observations: checks, outcomes, the pytest plugin and the reports."""
