"""One file a rewrite, named like the rule that asks for it."""
