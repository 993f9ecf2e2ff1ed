"""What every server that speaks HTTP and TLS to users can be asked."""

WEB_PROBES = ("http", "tls", "host", "sockets", "frontend", "api")
