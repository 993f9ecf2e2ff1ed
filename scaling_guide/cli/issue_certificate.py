"""`guide lab issue-certificate`: a certificate of the lab's own authority."""

from pathlib import Path
from typing import Annotated

import typer

from scaling_guide.cli import project
from scaling_guide.cli.console import out
from scaling_guide.lab import ca
from scaling_guide.lab.layout import lab


def issue_certificate(
    site: Annotated[str, typer.Argument(help="the name that the certificate is good for")],
    chain: Annotated[Path, typer.Option(help="file for the certificate and its intermediate")],
    key: Annotated[Path, typer.Option(help="file for the private key, mode 600")],
    number: project.LabNumber = None,
) -> None:
    """Issue a certificate by the lab's own authority, as an ACME client does elsewhere."""
    issued = ca.issue(ca.authority(lab(number).directory("ca")), site)
    chain.write_bytes(issued.chain)
    ca.write_secret(key, issued.key)
    out.print(f"{chain} and {key}", highlight=False)
