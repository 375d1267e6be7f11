"""One network whose weights all networks of a family share: trained once, it scores architectures without training."""
