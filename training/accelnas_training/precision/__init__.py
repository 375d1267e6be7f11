"""What few bits cost: the loss of top-1 by bits and by block of a network, and whether losses add up."""
