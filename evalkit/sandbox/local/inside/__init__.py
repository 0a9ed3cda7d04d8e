"""What runs on the far side of the boundary: the zygote, the confinement of its children, and the worker in each.

Standard library only and relative imports only: this folder is all of evalkit that the zygote ever sees.
"""
