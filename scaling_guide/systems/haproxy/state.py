"""What an operator may leave behind on an HAProxy."""

from scaling_guide.lab.state.marks import Marks

MARKS = Marks(
    probe="haproxy_runtime",
    settings=(
        "state > * > * > admin",
        "state > * > * > weight",
        "stat > * > * > addr",
        "stat > * > * > slim",
        "stat > * > BACKEND > algo",
        "info > Maxconn",
        "worker > older than disk",
    ),
)
