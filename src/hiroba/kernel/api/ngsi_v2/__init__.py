"""NGSIv2 over HTTP, as FIWARE Orion serves it."""
