"""Run the stand-in for the project in a file, open to the token in another."""

import argparse
import sys
from pathlib import Path

import uvicorn

from scaling_guide.lab.standins.supabase.service import application


def main() -> int:
    parser = argparse.ArgumentParser(
        description="A stand-in for Supabase's management API; it is not Supabase."
    )
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--state", required=True, type=Path)
    parser.add_argument("--token-file", required=True, type=Path)
    options = parser.parse_args()
    server = uvicorn.Server(
        uvicorn.Config(
            application(options.state, options.token_file.read_text("utf-8").strip()),
            host=options.host,
            port=options.port,
            lifespan="off",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
