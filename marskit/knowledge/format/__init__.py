"""How events and tables look as rows and file names."""
