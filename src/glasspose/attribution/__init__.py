"""Which parts of a picture, and of a network, an answer hangs on: methods that know neither datasets nor reports."""
