"""The parts of a round: the start, the E-step and the M-step, and what each of them learns from."""
