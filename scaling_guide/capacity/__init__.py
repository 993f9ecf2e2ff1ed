"""Pure arithmetic: what a thing costs, when it is full, and which step helps. No input or output."""
