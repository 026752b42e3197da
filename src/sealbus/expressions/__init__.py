"""What is the value of `(flow_a + flow_b) / 2 if running else 0`? A small language for calculated tags.

Numbers, comparisons, and, or, not, if-else and a dozen functions; the names are those of the tag's inputs. There are no
attributes, subscripts, loops, assignments or files, so there is nothing to escape to. Pure: text and values in, a value
out. It refuses to give a value where there is none (a division by zero, a root of -1, an input of the wrong kind):
that is `NotComputable`, never 0.
"""

from sealbus.expressions.expression import Expression, NotComputable, check_expression, parse_expression
from sealbus.expressions.functions import FUNCTION_NAMES
from sealbus.expressions.tokens import LONGEST_EXPRESSION, ExpressionError

__all__ = [
    "FUNCTION_NAMES",
    "LONGEST_EXPRESSION",
    "Expression",
    "ExpressionError",
    "NotComputable",
    "check_expression",
    "parse_expression",
]
