# clustCombi of mclust (merging.py): folder/tasks has lines "name n k"; the responsibilities are in folder/name. Writes
# folder/name-answer: k entropies, the elbows by two and by three pieces, seconds, and k lines of k labels of components.
suppressMessages(library(mclust))
folder <- commandArgs(trailingOnly = TRUE)[1]
cat(format(packageVersion("mclust")), "\n")
tasks <- read.table(file.path(folder, "tasks"), stringsAsFactors = FALSE)
names(tasks) <- c("name", "n", "k")

for (at in seq_len(nrow(tasks))) {
  n <- tasks$n[at]
  k <- tasks$k[at]
  z <- matrix(readBin(file.path(folder, tasks$name[at]), "double", n * k), n, k, byrow = TRUE)
  fit <- structure(list(G = k, z = z, data = z), class = "Mclust")
  began <- proc.time()[["user.self"]]
  found <- clustCombi(fit)
  took <- proc.time()[["user.self"]] - began
  entropies <- sapply(found$combiz, function(part) -sum(part * log(ifelse(part > 0, part, 1))))
  elbows <- c(clustCombiOptim(found, reg = 2)$numClusters.combi,
              if (k > 3) clustCombiOptim(found, reg = 3)$numClusters.combi else k)
  labels <- diag(k)
  lines <- matrix(0, k, k)
  for (clusters in k:1) {
    labels <- found$combiM[[clusters]] %*% labels
    lines[clusters, ] <- apply(labels, 2, which.max)
  }
  writeLines(c(paste(format(entropies, digits = 17), collapse = " "), paste(elbows, collapse = " "), format(took),
               apply(lines, 1, paste, collapse = " ")), file.path(folder, paste0(tasks$name[at], "-answer")))
}
