"""Networks of architectures: builders, families, what they cost, ONNX."""
