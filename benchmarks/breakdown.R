# Reads rows.csv of a folder and fits mclust's mixture of k components (VVV) with noise; writes labels (from 0, noise -1)
# and means (k, d).
suppressPackageStartupMessages(library(mclust))
words <- commandArgs(trailingOnly = TRUE)
x <- as.matrix(read.csv(file.path(words[1], "rows.csv"), header = FALSE))
k <- as.integer(words[2])
if (requireNamespace("prabclus", quietly = TRUE)) {
  noise <- prabclus::NNclean(x, k = 12)$z == 0
} else {
  distance <- apply(as.matrix(dist(x)), 1, function(row) sort(row)[6])
  noise <- distance > quantile(distance, 0.9)
}
fit <- NULL
if (any(noise) && sum(!noise) > k * (ncol(x) + 1)) {
  fit <- try(Mclust(x, G = k, modelNames = "VVV", initialization = list(noise = which(noise)), verbose = FALSE), TRUE)
}
if (is.null(fit) || inherits(fit, "try-error")) fit <- Mclust(x, G = k, modelNames = "VVV", verbose = FALSE)
if (is.null(fit)) fit <- Mclust(x, G = k, verbose = FALSE)
labels <- fit$classification - 1  # noise is 0 in mclust
write.table(labels, file.path(words[1], "labels.csv"), row.names = FALSE, col.names = FALSE)
means <- fit$parameters$mean
if (!is.matrix(means)) means <- matrix(means, nrow = ncol(x))
write.table(t(means), file.path(words[1], "means.csv"), sep = ",", row.names = FALSE, col.names = FALSE)
