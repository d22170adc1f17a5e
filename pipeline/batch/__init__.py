"""Many recordings and sessions to one Parquet data set, on one machine or a cluster."""
