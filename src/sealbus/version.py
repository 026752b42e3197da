"""The version of this package, named once."""

__version__ = "0.1.0"
__all__ = ["__version__"]
