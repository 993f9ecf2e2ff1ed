"""The proof: every documented fact is broken in the running lab, and exactly its check goes red."""
