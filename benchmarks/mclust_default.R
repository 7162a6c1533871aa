# Whole fits by mclust as it comes (contenders.py): folder/tasks has lines "number n d k structure". Prints a line per
# task: its number and the seconds, or why there is no fit.
suppressMessages(library(mclust))
folder <- commandArgs(trailingOnly = TRUE)[1]
tasks <- read.table(file.path(folder, "tasks"), stringsAsFactors = FALSE)
names(tasks) <- c("number", "n", "d", "k", "structure")
several <- c(full = "VVV", tied = "EEE", diag = "VVI", spherical = "VII")
single <- c(full = "V", tied = "E", diag = "V", spherical = "V")

fit <- function(task) {
  rows <- matrix(readBin(file.path(folder, paste0("rows-", task$number)), "double", task$n * task$d), task$n, task$d,
                 byrow = TRUE)
  known <- if (task$d == 1) single else several
  model <- if (task$structure %in% names(known)) known[[task$structure]] else task$structure # else mclust's own name
  set.seed(1) # above 2000 rows mclust starts from a sample
  began <- Sys.time()
  setTimeLimit(elapsed = 60)
  found <- Mclust(rows, G = task$k, modelNames = model, verbose = FALSE)
  setTimeLimit()
  took <- as.numeric(difftime(Sys.time(), began, units = "secs"))
  if (is.null(found)) stop("no fit of this model")
  variance <- found$parameters$variance
  covariances <- if (task$d == 1) variance$sigmasq[seq_len(if (model == "E") 1 else task$k)] else switch(task$structure,
    full = variance$sigma,
    tied = variance$Sigma,
    diag = apply(variance$sigma, 3, diag),
    spherical = variance$sigmasq,
    VVI = apply(variance$sigma, 3, diag),
    variance$sigma
  )
  weights <- if (task$k == 1) 1 else found$parameters$pro
  writeBin(as.double(c(weights, found$parameters$mean, covariances)),
           file.path(folder, paste0("fitted-", task$number)))
  took
}

for (at in seq_len(nrow(tasks))) {
  answer <- tryCatch(fit(tasks[at, ]), error = function(problem) {
    setTimeLimit()
    gsub("\n", " ", conditionMessage(problem))
  })
  cat(tasks$number[at], " ", format(answer), "\n", sep = "")
}
