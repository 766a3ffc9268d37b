"""The connection layer under all line protocols: framing, one command at a time, TLS upgrade, time-outs, limits."""
