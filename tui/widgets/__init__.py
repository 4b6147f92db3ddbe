"""One widget per file, each drawing one view-model."""
