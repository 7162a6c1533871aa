# mclust, asked line by line (peers.py). Answers a line each; times are those of the call itself.
#   select FILE n d k_max            Mclust with 1 to k_max components: model, k, log-likelihood, BIC, seconds
#   bic FILE n d k_max               the same without the final fit: mclustBIC
#   fit FILE n d MODEL k USE Z       one cell from the agglomeration of USE: log-likelihood; responsibilities to Z
#   go FILE n d MODEL k Z            EM from the responsibilities in Z: log-likelihood
suppressMessages(library(mclust))
input <- file("stdin", "r")

rows_of <- function(words) {
  n <- as.integer(words[3]); d <- as.integer(words[4])
  rows <- matrix(readBin(words[2], "double", n * d), n, d, byrow = TRUE)
  if (d == 1) drop(rows) else rows
}
seconds_of <- function(call) {
  began <- proc.time()[["elapsed"]]
  force(call)
  proc.time()[["elapsed"]] - began
}
tree <- NULL
tree_of <- function(words, rows, use) {
  key <- paste(words[2], use)
  if (is.null(tree) || tree$key != key) tree <<- list(key = key, pairs = hc(rows, modelName = "VVV", use = use))
  tree$pairs
}
number <- function(value) if (is.null(value) || !is.finite(value)) "NA" else format(value, digits = 17)

answer <- function(words) {
  rows <- rows_of(words)
  if (words[1] == "select") {
    took <- seconds_of(found <- Mclust(rows, G = seq_len(as.integer(words[5])), verbose = FALSE))
    return(c(found$modelName, found$G, number(found$loglik), number(found$bic), took))
  }
  if (words[1] == "bic") {
    took <- seconds_of(table <- mclustBIC(rows, G = seq_len(as.integer(words[5])), verbose = FALSE))
    best <- pickBIC(table, 1)
    return(c(strsplit(names(best), ",")[[1]], "NA", number(best[[1]]), took))
  }
  model <- words[5]; k <- as.integer(words[6])
  if (words[1] == "fit") {
    start <- if (is.matrix(rows)) list(hcPairs = tree_of(words, rows, words[7])) else NULL
    fit <- Mclust(rows, G = k, modelNames = model, initialization = start, verbose = FALSE)
    if (is.null(fit)) return("NA")
    writeBin(as.double(fit$z), words[8])
    return(number(fit$loglik))
  }
  z <- matrix(readBin(words[7], "double", as.integer(words[3]) * k), ncol = k)
  number(me(rows, modelName = model, z = z, warn = FALSE)$loglik)
}

while (length(line <- readLines(input, 1)) > 0) {
  words <- strsplit(line, " ")[[1]]
  set.seed(1)
  cat(tryCatch(answer(words), error = function(problem) c("NA", gsub("[\n ]", "_", conditionMessage(problem)))), "\n")
  flush(stdout())
}
