"""The phases of the MAPE-K loop: Monitor, Analyse, Plan, Execute, each a pure function of its input."""
