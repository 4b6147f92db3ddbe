"""What the operating system gives: processes, ports, signals, files."""
