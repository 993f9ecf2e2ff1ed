"""Stand-ins for services that cannot run here. Each answers as published, and says that it is none of it."""
