"""Operating system services: processes, ports, signals, files."""
