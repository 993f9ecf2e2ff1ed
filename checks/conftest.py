"""`pytest checks --env NAME` holds every documented fact against the environment NAME."""

pytest_plugins = ["scaling_guide.verify.plugin"]
