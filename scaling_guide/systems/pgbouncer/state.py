"""What an operator may leave behind on a PgBouncer."""

from scaling_guide.lab.state.marks import Marks

MARKS = Marks(probe="pgbouncer_console", settings=("config > *", "database > * > *", "leads to > *"))
