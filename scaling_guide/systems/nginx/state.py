"""What an operator may leave behind on an Nginx."""

from scaling_guide.lab.state.marks import Marks

MARKS = Marks(probe="nginx_process", settings=("workers > older than disk",))
