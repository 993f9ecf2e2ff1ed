"""Records turned into what people and servers read: config files, commands, alert rules."""
