"""Rows, moments, the frozen mixture, covariance structures, engines and the model file."""
