"""What is true: typed records, the loader that reads them from `data/`, and the rules they must obey."""
