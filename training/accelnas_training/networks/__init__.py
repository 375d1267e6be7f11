"""Networks of architectures: builders, families, what they cost, ONNX."""

from accelnas_training.networks.family import NetworkFamily, build_network, load_family
from accelnas_training.networks.options import NetworkBuilder, NetworkOptions

__all__ = ["NetworkBuilder", "NetworkFamily", "NetworkOptions", "build_network", "load_family"]
