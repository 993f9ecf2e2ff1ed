"""What environments say of a Supabase project."""

from typing import Annotated, Literal

from pydantic import Field

from scaling_guide.model.record import Port, Text, Version
from scaling_guide.model.target import Target


class SupabaseTarget(Target):
    """A Supabase project, seen through the management API at `address`.

    `token_file` holds a token that may read and nothing else, `operator_token_file` that of whoever carries
    out a runbook; without either it is taken from the variable SUPABASE_ACCESS_TOKEN. `http` is for a
    stand-in on loopback: otherwise the API is asked over TLS.
    """

    system: Literal["supabase"]
    address: Text = "api.supabase.com"
    version: Version = "1"
    http: Port | None = None
    project: Annotated[str, Field(pattern=r"^[a-z]{20}$")]
    organization: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    token_file: Text | None = None
    operator_token_file: Text | None = None

    @property
    def url(self) -> str:
        """Where the API is, without a slash at the end."""
        return f"http://{self.address}:{self.http}" if self.http else f"https://{self.address}"
