// A fit by Armadillo's gmm_full or gmm_diag from given means and unit covariances (outside_peers.py).
#include <armadillo>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

template <class Number>
void put(std::FILE* file, const Number* from, std::size_t count) {
  if (std::fwrite(from, sizeof(Number), count, file) != count) std::exit(1);
}

arma::mat read_columns(const std::string& path, arma::uword n_rows, arma::uword n_cols) {
  arma::mat columns(n_rows, n_cols);
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (!file || std::fread(columns.memptr(), sizeof(double), columns.n_elem, file) != columns.n_elem) std::exit(1);
  std::fclose(file);
  return columns;
}

template <class Model, class Covariances>
void fit(const arma::mat& rows, const arma::mat& means, const Covariances& unit, int iterations,
         const std::string& folder) {
  const arma::uword k = means.n_cols;
  Model model;
  model.set_params(means, unit, arma::rowvec(k, arma::fill::value(1.0 / k)));
  const auto began = std::chrono::steady_clock::now();
  if (!model.learn(rows, k, arma::eucl_dist, arma::keep_existing, 0, iterations, 0.0, false)) std::exit(1);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::FILE* file = std::fopen((folder + "/fitted").c_str(), "wb");
  if (!file) std::exit(1);
  put(file, model.hefts.memptr(), k);
  put(file, model.means.memptr(), model.means.n_elem);
  if constexpr (requires { model.fcovs; }) {
    put(file, model.fcovs.memptr(), model.fcovs.n_elem);
  } else {
    put(file, model.dcovs.memptr(), model.dcovs.n_elem);
  }
  std::fclose(file);
  std::printf("%.9f\n", took.count());
}

}  // namespace

int main(int count, char** words) {
  if (count != 7) return 2;
  const arma::uword n = std::strtoull(words[2], nullptr, 10), d = std::strtoull(words[3], nullptr, 10),
                    k = std::strtoull(words[4], nullptr, 10);
  const std::string folder = words[6];
  const arma::mat rows = read_columns(folder + "/rows", d, n), means = read_columns(folder + "/means", d, k);
  if (std::string(words[1]) == "full") {
    arma::cube unit(d, d, k);
    unit.each_slice() = arma::mat(d, d, arma::fill::eye);
    fit<arma::gmm_full>(rows, means, unit, std::atoi(words[5]), folder);
  } else {
    fit<arma::gmm_diag>(rows, means, arma::mat(d, k, arma::fill::ones), std::atoi(words[5]), folder);
  }
}
