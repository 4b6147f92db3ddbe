"""Execute: actions carried out, and the effect they had."""
