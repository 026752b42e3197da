"""`python -m sealbus` is `sealbus`."""

from sealbus.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
