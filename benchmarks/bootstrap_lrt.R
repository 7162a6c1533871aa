# mclust's fits with 1, 2, ... components and its bootstrap likelihood ratio test (bootstrap_lrt.py).
suppressMessages(library(mclust))
words <- commandArgs(trailingOnly = TRUE)
rows <- as.matrix(read.csv(words[1], header = FALSE))
up_to <- as.integer(words[2]); draws <- as.integer(words[3]); folder <- words[4]
for (k in 1:up_to) {
  fit <- Mclust(rows, G = k, modelNames = "VVV", verbose = FALSE)
  pro <- if (k == 1) 1 else fit$parameters$pro
  writeBin(as.double(c(pro, fit$parameters$mean, fit$parameters$variance$sigma)), file.path(folder, paste0("fit", k)))
}
set.seed(0)
began <- proc.time()
test <- mclustBootstrapLRT(rows, modelName = "VVV", nboot = draws, maxG = up_to - 1, verbose = FALSE)
took <- (proc.time() - began)[["user.self"]]
cat(took, test$obs, test$p.value, "\n")
