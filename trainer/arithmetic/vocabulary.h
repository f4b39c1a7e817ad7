// The tokens of written arithmetic: a token a character, so that a number is read and written digit by digit.
#ifndef TRAINER_ARITHMETIC_VOCABULARY_H_
#define TRAINER_ARITHMETIC_VOCABULARY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vickrey::trainer::arithmetic {

// Token k < kDigits is the digit k: its number and its place among a network's logits are one.
inline constexpr std::string_view kCharacters = "0123456789+*=$";
inline constexpr int64_t kDigits = 10;
inline constexpr int64_t kTokens = kCharacters.size();
inline constexpr int64_t kEnd = kCharacters.find('$');  // ends an answer, and fills up shorter rows behind it

// REQUIRES: all of it is in kCharacters.
inline std::vector<int64_t> TokensOf(std::string_view text) {
  std::vector<int64_t> tokens;
  tokens.reserve(text.size());
  for (const char c : text) tokens.push_back(static_cast<int64_t>(kCharacters.find(c)));
  return tokens;
}

// REQUIRES: each token is in 0 .. kTokens - 1.
inline std::string TextOf(const std::vector<int64_t>& tokens) {
  std::string text;
  text.reserve(tokens.size());
  for (const int64_t token : tokens) text.push_back(kCharacters[static_cast<size_t>(token)]);
  return text;
}

}  // namespace vickrey::trainer::arithmetic

#endif  // TRAINER_ARITHMETIC_VOCABULARY_H_
