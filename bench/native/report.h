// A result as a row of a table, or as a line of JSON.
#pragma once
#include <string>
#include <vector>

class Row {
public:
  /** Values are plain words: no quotes, backslashes or control characters. */
  Row& text(const char* name, const std::string& value, int width = 0);
  /** Not a number becomes "-" or null: the column does not apply. */
  Row& number(const char* name, double value, int decimals = 0);
  /** Writes the line to stdout; a table repeats its head when the columns change. */
  void print() const;

private:
  struct Cell {
    std::string name, value; // value as JSON
    int width;               // negative: to the left
  };
  std::vector<Cell> cells_;
};

/** Once, before the first row. */
void report_as_json(bool json);
