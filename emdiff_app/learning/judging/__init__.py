"""How good the prior of a round is, without a clean image, and the pictures that show it."""
