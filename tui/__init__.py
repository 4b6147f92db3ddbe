"""The terminal front end: state in, commands out."""
