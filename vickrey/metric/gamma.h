#ifndef VICKREY_METRIC_GAMMA_H_
#define VICKREY_METRIC_GAMMA_H_

namespace vickrey::metric {

// P(X <= x) of the gamma distribution of shape a and scale 1, the regularised incomplete gamma function, to 1e-12: by
// its power series below a + 1 and its continued fraction above, evaluated by Lentz's method (Press, Teukolsky,
// Vetterling, Flannery, "Numerical Recipes", 6.2). REQUIRES: a > 0, x >= 0.
double GammaProbability(double a, double x);

// The x with P(X <= x) = p, to 1e-10 of itself. REQUIRES: a > 0, 0 < p < 1.
double GammaQuantile(double a, double p);

}  // namespace vickrey::metric

#endif  // VICKREY_METRIC_GAMMA_H_
