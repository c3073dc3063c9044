"""The city as linked entities: an NGSI-LD context broker that knows no vendor and no app."""
