"""What an operator may leave behind on a machine: its files, apart from what the kernel counts."""

from scaling_guide.lab.state.marks import Marks

MARKS = Marks(
    own_files=(
        *("proc/net/*", "proc/pressure/*", "proc/meminfo", "proc/vmstat", "applied-by"),
        *("*/file-nr", "*/nf_conntrack_count", "*/memory.current", "*/memory.events", "*/cpu.stat"),
    )
)
