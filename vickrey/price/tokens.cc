#include "vickrey/price/tokens.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "vickrey/base/finite.h"
#include "vickrey/base/status.h"
#include "vickrey/price/distribution.h"

namespace vickrey::price {
namespace {

double Mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// The edges below the last, rising; the first is the least price.
std::vector<double> EdgesOf(std::span<const double> sorted, int bins, Bins::Edges kind) {
  std::vector<double> edges = {sorted.front()};
  const double least = sorted.front(), greatest = sorted.back();
  for (int k = 1; k < bins; ++k) {
    const double edge = kind == Bins::Edges::kQuantile
                            ? sorted[sorted.size() * static_cast<size_t>(k) / static_cast<size_t>(bins)]
                            : least + (greatest - least) * k / bins;
    if (edge > edges.back()) edges.push_back(edge);
  }
  return edges;
}

// Calls `add`(mean, share) for the atoms of the prices of one bin, sorted and at least one.
template <typename Add>
void AtomsOf(std::span<const double> prices, int max_atoms, Add add) {
  const auto count = static_cast<double>(prices.size());
  std::vector<size_t> ends;  // of runs of one price
  for (size_t i = 1; i <= prices.size(); ++i) {
    if (i == prices.size() || prices[i] != prices[i - 1]) ends.push_back(i);
  }
  if (ends.size() > static_cast<size_t>(max_atoms)) {
    // Runs stay whole, so that atoms rise; a group ends with the run that completes its share.
    std::vector<size_t> grouped;
    for (const size_t end : ends) {
      const double due = count * static_cast<double>(grouped.size() + 1) / max_atoms;
      if (static_cast<double>(end) >= due || end == prices.size()) grouped.push_back(end);
    }
    ends = std::move(grouped);
  }
  size_t begin = 0;
  for (const size_t end : ends) {
    add(Mean(prices.subspan(begin, end - begin)), static_cast<double>(end - begin) / count);
    begin = end;
  }
}

}  // namespace

absl::StatusOr<Bins> Bins::Fit(std::span<const double> prices, int bins, Edges edges, int max_atoms) {
  if (bins < 1 || bins > kMaxBins) {
    return base::InvalidField("bins", absl::StrCat(bins, " is out of range; 1 to ", kMaxBins, " are allowed"));
  }
  if (max_atoms < 1) return base::InvalidField("max_atoms", absl::StrCat(max_atoms, " is not at least 1"));
  if (prices.empty()) return base::InvalidField("prices", "there are none to make bins of");
  for (const double price : prices) {
    if (!std::isfinite(price))
      return base::InvalidField("prices", absl::StrCat(base::ShortestDecimal(price), " is not finite"));
  }
  std::vector<double> sorted(prices.begin(), prices.end());
  std::sort(sorted.begin(), sorted.end());
  Bins made;
  made.edges_ = EdgesOf(sorted, bins, edges);
  const double last = made.edges_.back();
  // The last bin is closed: where it holds one price only, it gets the width of what stands before it, or 1.
  const double spare = made.edges_.size() > 1 ? last - made.edges_[made.edges_.size() - 2] : 1.0;
  made.edges_.push_back(sorted.back() > last ? sorted.back() : last + spare);
  size_t begin = 0;
  for (int k = 0; k + 1 < static_cast<int>(made.edges_.size()); ++k) {
    const bool is_last = k + 2 == static_cast<int>(made.edges_.size());
    size_t end = begin;
    made.first_atoms_.push_back(static_cast<int>(made.atoms_.size()));
    while (end < sorted.size() && (is_last || sorted[end] < made.edges_[k + 1])) ++end;
    if (end == begin) {
      made.values_.push_back((made.edges_[k] + made.edges_[k + 1]) / 2);
      made.atoms_.push_back(made.values_.back());
      made.shares_.push_back(1);
      made.bin_of_.push_back(k);
      continue;
    }
    const auto in_bin = std::span<const double>(sorted).subspan(begin, end - begin);
    made.values_.push_back(Mean(in_bin));
    AtomsOf(in_bin, max_atoms, [&](double atom, double share) {
      made.atoms_.push_back(atom);
      made.shares_.push_back(share);
      made.bin_of_.push_back(k);
    });
    begin = end;
  }
  return made;
}

int Bins::TokenOf(double price) const {
  const auto above = std::upper_bound(edges_.begin(), edges_.end(), price);
  return std::clamp(static_cast<int>(above - edges_.begin()) - 1, 0, size() - 1);
}

void Bins::Spread(std::span<const double> bins, std::span<double> atoms) const {
  for (size_t a = 0; a < atoms_.size(); ++a) atoms[a] = bins[bin_of_[a]] * shares_[a];
}

double Bins::LogDensityAt(std::span<const double> atoms, double price) const {
  const int bin = TokenOf(price), atom = first_atoms_[bin];
  return LogDensity(atoms[atom] / shares_[atom], width(bin));
}

Coding::Cell Bins::CellOf(double price) const {
  const int bin = TokenOf(price);
  const auto begin = static_cast<size_t>(first_atoms_[bin]);
  const size_t end = bin + 1 < size() ? static_cast<size_t>(first_atoms_[bin + 1]) : atoms_.size();
  const double above = edges_[bin + 1] - price;
  return {begin, end, width(bin), above > 0 ? std::min(above, width(bin)) : width(bin)};
}

absl::StatusOr<Digits> Digits::Create(int digits, double unit) {
  if (digits < 1 || digits > kMaxDigits) {
    return base::InvalidField("digits", absl::StrCat(digits, " is out of range; 1 to ", kMaxDigits, " are allowed"));
  }
  if (!(std::isfinite(unit) && unit > 0)) {
    return base::InvalidField("unit", absl::StrCat(base::ShortestDecimal(unit), " is not a positive number"));
  }
  return Digits(digits, unit);
}

Digits::Digits(int digits, double unit) : digits_(digits), unit_(unit), size_(1) {
  for (int i = 0; i < digits; ++i) size_ *= kTokens;
  prices_.resize(static_cast<size_t>(size_));
  for (int64_t n = 0; n < size_; ++n) prices_[static_cast<size_t>(n)] = static_cast<double>(n) * unit;
}

absl::StatusOr<int64_t> Digits::NumberOf(double price) const {
  const double number = std::floor(price / unit_ + .5);
  if (!(number >= 0 && number < static_cast<double>(size_))) {
    return base::InvalidField("price", absl::StrCat(base::ShortestDecimal(price), " is out of range; ", digits_,
                                                    " digits hold 0 to ", base::ShortestDecimal(prices_.back())));
  }
  return static_cast<int64_t>(number);
}

double Digits::LogDensityAt(std::span<const double> probabilities, double price) const {
  return LogDensity(probabilities[TargetOf(price)], unit_);
}

Coding::Cell Digits::CellOf(double price) const {
  const auto number = static_cast<size_t>(TargetOf(price));
  return {number, number + 1, unit_, unit_};
}

int Digits::Digit(int64_t number, int place) const {
  for (int i = digits_ - 1; i > place; --i) number /= kTokens;
  return static_cast<int>(number % kTokens);
}

int64_t Digits::Prefix(int64_t number, int place) const {
  for (int i = digits_; i > place; --i) number /= kTokens;
  return number;
}

}  // namespace vickrey::price
