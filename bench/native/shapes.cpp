// The matrices that ternary kernels are timed with.
#include "shapes.h"

#include <stdio.h>
#include <stdlib.h>

std::vector<Shape> read_shapes(const std::string& path, const std::string& part) {
  std::vector<Shape> shapes;
  FILE* file = fopen(path.c_str(), "r");
  char line[256], name[64];
  while (file && fgets(line, sizeof line, file)) {
    Shape s;
    if (sscanf(line, "%zu %zu %63[A-Za-z0-9 ,._-]", &s.rows, &s.cols, name) != 3 || s.rows == 0 ||
        s.cols == 0)
      continue;
    s.name = name;
    const std::string text = s.name + " " + std::to_string(s.rows) + "x" + std::to_string(s.cols);
    if (text.find(part) != std::string::npos)
      shapes.push_back(s);
  }
  if (file)
    fclose(file);
  if (shapes.empty()) {
    fprintf(stderr,
            "Expected lines 'rows cols name' that contain '%s' in %s, found none; run from the "
            "project's folder, or give --shapes or another --shape.\n",
            part.c_str(), path.c_str());
    exit(2);
  }
  return shapes;
}
