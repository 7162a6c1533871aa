# Reads rows.csv (columns, then `class`) and folds.csv (a column for each repeat, folds from 0) of a folder, and writes
# the probabilities of MclustDA for held-out rows to probabilities.csv: repeat, row, and a column for each class.
suppressPackageStartupMessages(library(mclust))
folder <- commandArgs(trailingOnly = TRUE)[1]
table <- read.csv(file.path(folder, "rows.csv"))
folds <- as.matrix(read.csv(file.path(folder, "folds.csv")))
x <- table[, -ncol(table), drop = FALSE]
y <- factor(table$class)
out <- list()
seconds <- 0
for (turn in seq_len(ncol(folds))) {
  probabilities <- matrix(NA, nrow(x), nlevels(y))
  for (fold in unique(folds[, turn])) {
    held <- folds[, turn] == fold
    began <- proc.time()[["user.self"]]
    fitted <- try(MclustDA(x[!held, , drop = FALSE], y[!held], verbose = FALSE), silent = TRUE)
    if (!inherits(fitted, "try-error")) {
      found <- try(predict(fitted, x[held, , drop = FALSE])$z, silent = TRUE)
      if (!inherits(found, "try-error")) probabilities[held, ] <- found
    }
    seconds <- seconds + proc.time()[["user.self"]] - began
  }
  out[[turn]] <- cbind(turn = turn - 1, row = seq_len(nrow(x)) - 1, probabilities)
}
write.csv(do.call(rbind, out), file.path(folder, "probabilities.csv"), row.names = FALSE)
cat(seconds)
