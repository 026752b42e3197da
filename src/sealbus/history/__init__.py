"""What was the value of a tag then? Samples in, ranges out at the width of a screen."""

__all__: list[str] = []
