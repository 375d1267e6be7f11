"""Zero-cost proxies: scores of networks that were not trained."""
