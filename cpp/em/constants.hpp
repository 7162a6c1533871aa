// Tuning constants of compiled EM.
//
// The EM loop in Python (gaussmix.fitting) is a second implementation of the same method. tests/fitting/
// test_em_constants.py compares each constant with its counterpart there, and states the reason where they differ.
#pragma once

#include <limits>

#include "kernels/kernels.hpp"

namespace gaussmix {

inline constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

// M-step.
inline constexpr double kEmpty = 10 * kEpsilon;    // share of all rows: a component with fewer is empty
inline constexpr double kNoShare = 1e-14;          // of a row: smaller ones are left out of a start
inline constexpr double kSingular = 4 * kEpsilon;  // ratio to variance or mean at which a pivot is rounding
inline constexpr double kInner = 1e-10;            // relative change of volumes that ends an inner iteration
inline constexpr int kMostIterations = 500;        // of inner iterations
inline constexpr double kAngle = 1e-6;             // tolerance of the rotation of common axes in an M-step
inline constexpr int kSweeps = 4;                  // over the pairs of axes in an M-step, after the first one
inline constexpr int kMostSweeps = 20;             // in the first one
inline constexpr int kMostFeatures = kMostNarrow;  // of a batch; above it, threads share one pass

// Stopping rule.
inline constexpr double kRounding = 16 * kEpsilon;  // of an objective, relative to it
inline constexpr int kStill = 10;                   // iterations without a gain above rounding that end a run
inline constexpr double kFarAhead = 30.0;  // times the tolerance in nats: no M-step only to estimate the distance

inline constexpr int kLap = 3;             // passes between two looks at the gain
inline constexpr double kPatience = 20.0;  // times the gain of a lap: a run that lacks more to its target is given up

// Acceleration: when it begins.
inline constexpr int kPlain = 3;             // first passes without extrapolation
inline constexpr double kFewStepsLeft = 10;  // steps of plain EM left below which extrapolation does not pay

// Acceleration: Newton's step in the span of the last moves.
inline constexpr int kMemory = 5;                 // moves that span the space
inline constexpr double kIndependent = 1e-9;      // squared length of a unit move orthogonal to newer ones
inline constexpr double kLeastCurvature = 0.003;  // relative to that of an EM step, 1
inline constexpr double kStiffer = 1.5;           // factor of it while the step is too long
inline constexpr double kRadius = 0.3, kWidest = 2, kNarrowest = 0.01;  // trust region, in deviations of a component
inline constexpr double kWider = 1.5, kNarrower = 2, kRefused = 3;      // factors of the radius
inline constexpr double kGood = 0.5, kBad = 0.1;                        // gain over predicted gain: wider, narrower
inline constexpr double kStraight[] = {0.9, 1.8};                       // the same ratio: old moves are dropped outside
inline constexpr int kBentHistory = 3, kRefusedHistory = 2;             // points kept then
inline constexpr double kDigits = 1e-12;                                // relative: smaller gains are rounding
inline constexpr double kAcross = 1.5;                                  // times the EM step across the span
inline constexpr double kLeastShare = 0.1;                              // share of its rows that a component must keep
inline constexpr double kFading = 0.9;                                  // of the slowest move, for each pass

// Acceleration: SQUAREM.
inline constexpr double kLongest = 4;        // first limit of its steps
inline constexpr double kLongestGrowth = 4;  // factor of the limit, and its inverse after a refusal

// Acceleration: history in the units of an anchor.
inline constexpr double kFarScale = 1.3, kFarShift = 0.3;  // ratio of deviations, and deviations: time for a new anchor

struct NamedConstant {
  const char* name;
  double value;
};

inline constexpr NamedConstant kEmConstants[] = {
    {"empty", kEmpty},
    {"no_share", kNoShare},
    {"singular", kSingular},
    {"inner", kInner},
    {"most_iterations", kMostIterations},
    {"angle", kAngle},
    {"sweeps", kSweeps},
    {"most_sweeps", kMostSweeps},
    {"most_features", kMostFeatures},
    {"rounding", kRounding},
    {"still", kStill},
    {"far_ahead", kFarAhead},
    {"lap", kLap},
    {"patience", kPatience},
    {"plain", kPlain},
    {"few_steps_left", kFewStepsLeft},
    {"memory", kMemory},
    {"independent", kIndependent},
    {"least_curvature", kLeastCurvature},
    {"stiffer", kStiffer},
    {"radius", kRadius},
    {"widest", kWidest},
    {"narrowest", kNarrowest},
    {"wider", kWider},
    {"narrower", kNarrower},
    {"refused", kRefused},
    {"good", kGood},
    {"bad", kBad},
    {"straight_from", kStraight[0]},
    {"straight_to", kStraight[1]},
    {"bent_history", kBentHistory},
    {"refused_history", kRefusedHistory},
    {"digits", kDigits},
    {"across", kAcross},
    {"least_share", kLeastShare},
    {"fading", kFading},
    {"longest", kLongest},
    {"longest_growth", kLongestGrowth},
    {"far_scale", kFarScale},
    {"far_shift", kFarShift},
};

}  // namespace gaussmix
