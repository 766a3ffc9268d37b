"""What meets the network besides the wire protocols: TLS contexts and certificates."""
