"""From a command line to finished cells, through Hydra."""
