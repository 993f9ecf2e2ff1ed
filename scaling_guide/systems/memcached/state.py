"""What an operator may leave behind on a Memcached."""

from scaling_guide.lab.state.marks import Marks

MARKS = Marks(probe="memcached", settings=("settings > *", "memory > limit in MiB"))
