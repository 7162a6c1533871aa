"""Values and the waist: rows, moments, the frozen mixture, covariance structures, engines, the model file."""
