"""The application in the process of the test, with the databases of a running lab."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from scaling_guide.lab.layout import Lab
from scaling_guide.systems.app.program import database
from scaling_guide.systems.app.program.service import application
from scaling_guide.systems.postgres import identities
from tests.systems.app.program.test_service import make

POOLER = 6432

Talk = Callable[[httpx.AsyncClient], Awaitable[Any]]


def places(where: Lab, port: int = POOLER) -> database.Places:
    """Where the application of a lab finds its databases."""
    pooler = f"{where.net}.40:{port}"
    passfile = identities.passfile(where, "app")
    return database.Places(f"{pooler}/appdb", f"{pooler}/appdb_ro", passfile=passfile)


def ask(tmp_path: Path, where: database.Places, talk: Talk, **limits: object) -> Any:
    """What `talk` makes of an instance with these databases and limits."""

    async def talked() -> Any:
        instance = make(tmp_path, databases=where, **{"request_timeout": 30.0, **limits})
        await instance.database.open()
        transport = httpx.ASGITransport(application(instance))
        async with httpx.AsyncClient(transport=transport, base_url="https://app.lab.test") as client:
            try:
                return await talk(client)
            finally:
                await instance.database.close()

    return asyncio.run(talked())
