# mclust's EM from its own agglomeration, run to the end (live_mclust.py).
# Arguments: folder n d k_max tol. The folder has rows (row-major float64). A line per cell: model, k, log-likelihood,
# parameters, iterations; z-k holds the start of k components (n x k, column-major), end-MODEL-k the weights, means and
# covariances where EM ended.
suppressMessages(library(mclust))
words <- commandArgs(trailingOnly = TRUE)
folder <- words[1]
n <- as.integer(words[2]); d <- as.integer(words[3]); most <- as.integer(words[4])
tol <- as.double(words[5])
rows <- matrix(readBin(file.path(folder, "rows"), "double", n * d), n, d, byrow = TRUE)
if (d == 1) rows <- drop(rows)
models <- if (d == 1) c("E", "V") else mclust.options("emModelNames")
control <- emControl(tol = c(tol, tol), itmax = c(100000L, 10000L))
tree <- if (d == 1) NULL else hc(rows, modelName = "VVV", use = "SVD")

for (k in seq_len(most)) {
  labels <- if (k == 1) rep(1L, n) else if (d == 1) mclust:::qclass(rows, k) else hclass(tree, k)[, 1]
  z <- unmap(labels)
  if (ncol(z) != k) next # ties left fewer cells
  writeBin(as.double(z), file.path(folder, paste0("z-", k)))
  for (model in models) {
    fit <- tryCatch(
      if (k == 1) mvn(modelName = model, data = rows) else
        me(rows, modelName = model, z = z, control = control, warn = FALSE),
      error = function(problem) list(loglik = NA)
    )
    value <- if (is.null(fit$loglik) || !is.finite(fit$loglik)) NA else fit$loglik
    iterations <- if (k == 1 || is.na(value)) 0 else as.numeric(attr(fit, "info"))[1]
    if (!is.na(value)) {
      found <- fit$parameters
      covariances <- if (d == 1) rep_len(found$variance$sigmasq, k) else found$variance$sigma
      end <- c(if (k == 1) 1 else found$pro, found$mean, covariances)
      writeBin(as.double(end), file.path(folder, paste0("end-", model, "-", k)))
    }
    cat(model, k, format(value, digits = 17), nMclustParams(model, d, k), nVarParams(model, d, k), iterations, "\n")
  }
}
