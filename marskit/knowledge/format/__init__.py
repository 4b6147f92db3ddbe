"""Events and tables as rows, and the names of files."""
