// What a grammar may ask of memory and time: a hostile one is refused, it neither hangs nor grows.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace bitnet {

constexpr size_t kMaxRules = 20000;
/** Numbers that say the rules: 4 MiB. */
constexpr size_t kMaxRuleNumbers = size_t{1} << 20;
/** Parentheses in parentheses. */
constexpr size_t kMaxRuleDepth = 300;
/** Of {m,n}: counted, not copied, so that it costs nothing. */
constexpr int32_t kMaxRepetition = 1 << 24;
/** Expressions looked at while the rules are analyzed: some 0.1 s. */
constexpr size_t kMaxAnalysisSteps = size_t{1} << 26;
/** Ways to read a text at once. */
constexpr size_t kMaxThreads = 4096;
/** Work for one mask, or one token: some 0.1 s, and at most some 100 MB. */
constexpr size_t kMaxSteps = size_t{1} << 20;
/** States that are kept for the next mask. */
constexpr size_t kMaxTableBytes = size_t{32} << 20;
/** Masks that are kept. */
constexpr size_t kMaxMaskBytes = size_t{8} << 20;
/** Longer tokens are never sampled under a grammar. */
constexpr size_t kMaxTokenBytes = 512;
/** Of a forced run found at once. */
constexpr size_t kMaxForcedBytes = 4096;
/** Characters of the longest token of the plain slice (`Vocabulary`). */
constexpr int32_t kPlainCharacters = 16;

} // namespace bitnet
