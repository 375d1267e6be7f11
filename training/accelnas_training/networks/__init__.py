"""Networks of architectures: builders, families, what they cost, ONNX."""

from accelnas_training.networks.builders import NetworkBuilder, NetworkOptions
from accelnas_training.networks.family import NetworkFamily, build_network, load_family

__all__ = ["NetworkBuilder", "NetworkFamily", "NetworkOptions", "build_network", "load_family"]
