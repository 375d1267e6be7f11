"""What networks of search spaces are made of: layers, and what follows from them alone."""

from accelnas.networks.family import NetworkLayers, network_layers
from accelnas.networks.layer import Layer

__all__ = ["Layer", "NetworkLayers", "network_layers"]
