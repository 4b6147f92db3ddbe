"""The library for people: one run as an object, for notebooks and scripts. Exported as `marskit.Lab`."""
