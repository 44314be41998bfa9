// The command line of the benchmarks.
#include "options.h"

#include <stdio.h>
#include <stdlib.h>

#include <algorithm>

#include "common/cpu_count.h"

namespace {

const char* const kHelp =
    "bitnet_bench: checks every kernel this CPU can run against the scalar one, then times it.\n"
    "\n"
    "  --kernel <text>    only kernels whose name contains this: mad2-avx2, neurons, dense\n"
    "  --shape <text>     only ternary matrices that contain this: 2B-4T, gate, 6912x2560\n"
    "  --batch <list>     numbers of tokens (1,4,16,128,512)\n"
    "  --threads <list>   numbers of threads (1 and all usable cores)\n"
    "  --seconds <number> at least this long for each figure (0.1)\n"
    "  --shapes <file>    lines 'rows cols name' (bench/native/shapes.txt)\n"
    "  --json             one JSON object a line instead of a table\n";

[[noreturn]] void refuse(const std::string& sentence) {
  fprintf(stderr, "%s\n", sentence.c_str());
  exit(2);
}

std::vector<size_t> read_list(const std::string& option, const char* text, size_t most) {
  std::vector<size_t> list;
  for (const char* at = text;; at++) {
    char* end;
    const unsigned long value = strtoul(at, &end, 10);
    if (end == at || *at < '0' || *at > '9' || value == 0 || value > most ||
        (*end != ',' && *end != 0))
      refuse("Expected " + option + " to be numbers from 1 to " + std::to_string(most) +
             " with commas between, got '" + text + "'.");
    list.push_back(value);
    at = end;
    if (*at == 0)
      break;
  }
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

double read_seconds(const char* text) {
  char* end;
  const double value = strtod(text, &end);
  if (end == text || *end != 0 || !(value > 0 && value <= 60))
    refuse(std::string("Expected --seconds to be a number above 0, at most 60, got '") + text +
           "'.");
  return value;
}

} // namespace

Options read_options(int argc, char** argv) {
  Options options;
  const size_t cores = bitnet::usable_cpu_count();
  options.threads = cores > 1 ? std::vector<size_t>{1, cores} : std::vector<size_t>{1};
  for (int i = 1; i < argc; i++) {
    const std::string name = argv[i];
    if (name == "--help") {
      printf("%s", kHelp);
      exit(0);
    }
    if (name == "--json") {
      options.json = true;
      continue;
    }
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    const bool known = name == "--kernel" || name == "--shape" || name == "--batch" ||
                       name == "--threads" || name == "--seconds" || name == "--shapes";
    if (!known)
      refuse("Expected an option that --help lists, got '" + name + "'.");
    if (value == nullptr)
      refuse("Expected a value after " + name + ", got none; --help lists the options.");
    i++;
    if (name == "--kernel")
      options.kernel = value;
    else if (name == "--shape")
      options.shape = value;
    else if (name == "--batch")
      options.batches = read_list(name, value, 4096);
    else if (name == "--threads")
      options.threads = read_list(name, value, 1024);
    else if (name == "--seconds")
      options.seconds = read_seconds(value);
    else
      options.shapes = value;
  }
  return options;
}
