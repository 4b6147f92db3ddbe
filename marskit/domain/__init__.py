"""The vocabulary of marskit: frozen records, standard library only."""
