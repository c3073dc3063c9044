"""The folders that `hiroba app new` and `hiroba agent new` write."""
