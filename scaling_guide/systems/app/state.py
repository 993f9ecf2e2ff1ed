"""What an operator may leave behind on a server of the application: all of it is in its file."""

from scaling_guide.lab.state.marks import Marks

MARKS = Marks(probe="app", may_be_down=True)
