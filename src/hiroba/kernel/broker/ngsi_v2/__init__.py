"""The operations of NGSIv2, on the entities that NGSI-LD works on."""
