"""A fair comparison of models on incomplete data: data sets, protocols, honesty, figures."""
