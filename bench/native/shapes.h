// The matrices that ternary kernels are timed with.
#pragma once
#include <stddef.h>

#include <string>
#include <vector>

struct Shape {
  size_t rows, cols;
  std::string name; // "2B-4T gate,up"
};

/**
 * Lines "rows cols name" of a file that contain `part` in "name rowsxcols"; other lines are
 * skipped. Prints one sentence and exits with 2 if there are none.
 */
std::vector<Shape> read_shapes(const std::string& path, const std::string& part);
