# A fit by mclust's em from given means and unit covariances (outside_peers.py).
suppressMessages(library(mclust))
words <- commandArgs(trailingOnly = TRUE)
structure <- words[1]
n <- as.integer(words[2]); d <- as.integer(words[3]); k <- as.integer(words[4])
iterations <- as.integer(words[5]); folder <- words[6]
numbers <- function(name, size) readBin(file.path(folder, name), "double", size)
rows <- matrix(numbers("rows", n * d), n, d, byrow = TRUE)
means <- matrix(numbers("means", k * d), d, k)

# One column has only the models E and V.
model <- if (d == 1) c(tied = "E", full = "V", diag = "V", spherical = "V")[[structure]] else
  c(full = "VVV", diag = "VVI", spherical = "VII", tied = "EEE")[[structure]]
variance <- mclustVariance(model, d, k)
for (name in setdiff(names(variance), c("modelName", "d", "G"))) {
  variance[[name]][] <- 1
}
if (model == "VVV") variance$cholsigma <- array(diag(d), c(d, d, k))
if (model == "EEE") { variance$cholSigma <- diag(d); variance$Sigma <- diag(d) }
start <- list(pro = rep(1 / k, k), mean = means, variance = variance)
control <- emControl(itmax = c(iterations, iterations), tol = c(0, 0))
began <- Sys.time()
fit <- em(rows, model, start, control = control, warn = FALSE)
took <- as.numeric(difftime(Sys.time(), began, units = "secs"))
if (anyNA(fit$parameters$mean)) stop(attr(fit, "WARNING"))

fitted <- fit$parameters$variance
covariances <- if (d == 1) fitted$sigmasq else switch(structure,
  full = fitted$sigma,
  tied = fitted$Sigma,
  diag = apply(fitted$sigma, 3, diag),
  spherical = fitted$sigmasq
)
writeBin(as.double(c(fit$parameters$pro, fit$parameters$mean, covariances)), file.path(folder, "fitted"))
cat(took, "\n")
