// Arguments from Python: arrays with checked sizes, and names.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <cstdint>
#include <optional>
#include <string>

#include "em/clustering.hpp"
#include "em/structures.hpp"
#include "pass/pass.hpp"

using In = nanobind::ndarray<const double, nanobind::c_contig, nanobind::device::cpu>;
using Out = nanobind::ndarray<double, nanobind::c_contig, nanobind::device::cpu>;
using Labels = nanobind::ndarray<std::int64_t, nanobind::c_contig, nanobind::device::cpu>;
using LabelTable = nanobind::ndarray<const std::int64_t, nanobind::ndim<2>, nanobind::c_contig, nanobind::device::cpu>;

// A table of rows in its own type.
using Table = nanobind::ndarray<nanobind::ro, nanobind::ndim<2>, nanobind::c_contig, nanobind::device::cpu>;

inline gaussmix::Scalar scalar_of(const Table& rows) {
  if (rows.dtype() == nanobind::dtype<float>()) return gaussmix::Scalar::float32;
  if (rows.dtype() == nanobind::dtype<double>()) return gaussmix::Scalar::float64;
  if (rows.dtype() == nanobind::dtype<std::uint8_t>()) return gaussmix::Scalar::uint8;
  if (rows.dtype() == nanobind::dtype<std::uint16_t>()) return gaussmix::Scalar::uint16;
  throw nanobind::type_error("rows must be float32, float64, uint8 or uint16");
}

inline gaussmix::Form form_of(const std::string& form) {
  if (form == "full") return gaussmix::Form::full;
  if (form == "tied") return gaussmix::Form::tied;
  if (form == "diagonal") return gaussmix::Form::diagonal;
  if (form == "spherical") return gaussmix::Form::spherical;
  throw nanobind::value_error("form must be 'full', 'tied', 'diagonal' or 'spherical'");
}

template <class Array>
auto sized(const Array& array, std::size_t size, const char* name) {
  if (array.size() != size) throw nanobind::value_error((std::string(name) + " has the wrong size").c_str());
  return array.data();
}

template <class Array>
auto sized_or_null(const std::optional<Array>& array, std::size_t size, const char* name) {
  return array ? sized(*array, size, name) : nullptr;
}

// Rows to cluster.
inline gaussmix::Points points_of(const In& rows, const std::optional<In>& row_weights) {
  if (rows.ndim() != 2) throw nanobind::value_error("rows must have two axes");
  return {rows.data(), sized_or_null(row_weights, rows.shape(0), "row_weights"), rows.shape(0),
          static_cast<int>(rows.shape(1))};
}

inline gaussmix::Model model_of(const std::string& name) {
  gaussmix::Model model;
  if (!gaussmix::find_model(name.c_str(), model))
    throw nanobind::value_error(("there is no model '" + name + "'").c_str());
  return model;
}

// A mixture as Python passes it.
inline gaussmix::Mixture mixture_of(const std::string& form, const In& offsets, const In& means, const In& factors,
                                    const std::optional<In>& basis) {
  const gaussmix::Form shape = form_of(form);
  if (basis && (shape == gaussmix::Form::full || shape == gaussmix::Form::tied)) {
    throw nanobind::value_error("basis requires the diagonal or the spherical form");
  }
  if (means.ndim() != 2) throw nanobind::value_error("means must have two axes");
  const std::size_t k = means.shape(0), d = means.shape(1);
  const std::size_t size = shape == gaussmix::Form::full       ? k * d * d
                           : shape == gaussmix::Form::tied     ? d * d
                           : shape == gaussmix::Form::diagonal ? k * d
                                                               : k;
  return {shape,
          static_cast<int>(k),
          static_cast<int>(d),
          sized(offsets, k, "offsets"),
          means.data(),
          sized(factors, size, "factors"),
          sized_or_null(basis, d * d, "basis")};
}
