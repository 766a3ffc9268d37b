"""What the rooms share: interfaces by role, frozen values, errors. No I/O happens here."""
