"""The query languages of NGSI-LD: text to tree, and a tree evaluated on an entity in memory."""
