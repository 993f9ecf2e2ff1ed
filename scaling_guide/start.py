"""The program `guide`. Its first half second is spent on imports, and Ctrl-C ends it in one line then too."""

import os
import signal
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line; end with 130 and one line when interrupted, whatever was going on."""
    try:
        from scaling_guide.cli import main as run

        run()
    except KeyboardInterrupt:
        interrupted()


def interrupted() -> None:
    """End the process at once. Raises nothing, and a second Ctrl-C changes nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout.flush()
    print("interrupted", file=sys.stderr, flush=True)
    # threads of an import or a probe have nothing to put back
    os._exit(INTERRUPTED)
