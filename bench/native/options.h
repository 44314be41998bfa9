// The command line of the benchmarks.
#pragma once
#include <stddef.h>

#include <string>
#include <vector>

struct Options {
  std::string kernel;                             // part of a kernel's name; empty: all
  std::string shape;                              // part of "2B-4T gate,up 6912x2560"; empty: all
  std::string shapes = "bench/native/shapes.txt"; // path
  std::vector<size_t> batches = {1, 4, 16, 128, 512};
  std::vector<size_t> threads; // ascending; by default 1 and all cores
  double seconds = 0.1;        // at least this long per figure
  bool json = false;
};

/**
 * Reads the arguments. Prints one sentence and exits with 2 when one is wrong, with 0 after
 * --help.
 */
Options read_options(int argc, char** argv);
