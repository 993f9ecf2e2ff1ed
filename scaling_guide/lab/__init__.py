"""The reference environment: real servers on loopback, started, proven, stopped."""
