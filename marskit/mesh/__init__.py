"""The mesh port and its adapters; only `marskit.assembly.bootstrap` chooses between them."""
