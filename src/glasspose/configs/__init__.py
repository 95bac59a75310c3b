"""Everything that can be configured: plain frozen data, complete in itself, without torch."""
