"""Mail on its way out: when to try, where, on what terms, and what to tell people about it."""
