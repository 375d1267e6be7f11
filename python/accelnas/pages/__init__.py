"""Pages: self-contained HTML files that show benchmarks and results in a browser, without a network."""
