"""Run the stand-in for the project in a file, open to the tokens in two others."""

import argparse
import sys
from pathlib import Path

import uvicorn

from scaling_guide.systems.supabase.standin.service import application


def main() -> int:
    parser = argparse.ArgumentParser(
        description="A stand-in for Supabase's management API; it is not Supabase."
    )
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--state", required=True, type=Path)
    parser.add_argument("--token-file", required=True, type=Path, help="of whoever may read")
    parser.add_argument(
        "--operator-token-file", required=True, type=Path, help="of whoever may change things"
    )
    options = parser.parse_args()
    server = uvicorn.Server(
        uvicorn.Config(
            application(options.state, *map(_token, (options.token_file, options.operator_token_file))),
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


def _token(file: Path) -> str:
    return file.read_text("utf-8").strip()


if __name__ == "__main__":
    sys.exit(main())
