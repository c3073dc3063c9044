"""Apps: each folder turns entities into a service and is loaded by the same road as a third party's."""
