"""NGSIv2's view of the same entities: names, ids, values and metadata, both ways. Pure, no I/O."""
