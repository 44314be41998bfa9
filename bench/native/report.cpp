// A result as a row of a table, or as a line of JSON.
#include "report.h"

#include <math.h>
#include <stdio.h>

#include <algorithm>

namespace {

bool as_json = false;

/** A value as the table shows it. */
std::string shown(const std::string& value) {
  if (value == "null")
    return "-";
  return value[0] == '"' ? value.substr(1, value.size() - 2) : value;
}

} // namespace

void report_as_json(bool json) {
  as_json = json;
}

Row& Row::text(const char* name, const std::string& value, int width) {
  cells_.push_back({name, '"' + value + '"', -std::max(width, static_cast<int>(value.size()))});
  return *this;
}

Row& Row::number(const char* name, double value, int decimals) {
  char digits[64] = "null";
  if (isfinite(value) && as_json) // who compares two runs needs more digits than a reader
    snprintf(digits, sizeof digits, "%.9g", value);
  else if (isfinite(value))
    snprintf(digits, sizeof digits, "%.*f", decimals, value);
  cells_.push_back({name, digits, 7});
  return *this;
}

void Row::print() const {
  std::string head, line;
  for (const Cell& cell : cells_) {
    if (as_json) {
      line += (line.empty() ? "{\"" : ",\"") + cell.name + "\":" + cell.value;
      continue;
    }
    const auto add = [&](std::string* to, const std::string& text) {
      const size_t width = std::max(static_cast<size_t>(abs(cell.width)), cell.name.size());
      const std::string space(width - std::min(width, text.size()), ' ');
      *to += (to->empty() ? "" : "  ") + (cell.width < 0 ? text + space : space + text);
    };
    add(&head, cell.name);
    add(&line, shown(cell.value));
  }
  static std::string last_head;
  if (!as_json && head != last_head)
    printf("%s%s\n", last_head.empty() ? "" : "\n", head.c_str());
  last_head = head;
  printf("%s%s\n", line.c_str(), as_json ? "}" : "");
  fflush(stdout);
}
