"""The mesh port and its adapters; only `marskit.bootstrap` chooses between them."""
