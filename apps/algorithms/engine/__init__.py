"""Worker-only parts of the algorithms: the rooms where the ML libraries are imported at the top."""
