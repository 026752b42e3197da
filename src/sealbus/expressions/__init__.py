"""A small language for calculated tags, such as `(flow_a + flow_b) / 2 if running else 0`.

Numbers, comparisons, and, or, not, if-else and a dozen functions; names are the inputs of the tag. There are no
attributes, subscripts, loops, assignments or files, so an expression cannot reach anything else. Pure: text and values in,
a value out. It refuses to invent a value: a division by zero, a root of -1 or an input of the wrong kind is
`NotComputable`, never 0.
"""

from sealbus.expressions.expression import Expression, NotComputable, check_expression, parse_expression
from sealbus.expressions.functions import FUNCTION_NAMES
from sealbus.expressions.tokens import MAX_EXPRESSION, ExpressionError

__all__ = [
    "FUNCTION_NAMES",
    "MAX_EXPRESSION",
    "Expression",
    "ExpressionError",
    "NotComputable",
    "check_expression",
    "parse_expression",
]
