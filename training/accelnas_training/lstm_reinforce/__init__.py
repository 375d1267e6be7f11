"""REINFORCE with LSTM controllers, many seeds at once: settings, parameters, controllers, algorithm."""
