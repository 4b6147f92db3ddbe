"""marskit: step through a self-adaptive service mesh."""

__version__ = "0.1.0"
