"""Files that other programs read: one module a format, both directions in it."""

#: What reading a damaged record may raise: it is left out by name, the others come in.
DAMAGED = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)
