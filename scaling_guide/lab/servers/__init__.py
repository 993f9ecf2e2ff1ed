"""One module a server: how it is started, proven ready, reloaded and stopped."""
