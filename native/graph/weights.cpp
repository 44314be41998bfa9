// Whether what weights still read from files can be read.
#include "weights.h"

#include "../common/file_reader.h"

namespace bitnet {

Status Weights::files_unchanged() const {
  for (const RowTable* table : {&embedding, &output}) {
    Status status = table->file ? table->file->unchanged() : Status();
    if (!status.ok())
      return status;
  }
  return {};
}

} // namespace bitnet
