import { listFilters } from './list-filters.js';
import { orderFilters } from './order-filters.js';
import type { Filter } from './runtime.js';
import { scalarFilters } from './scalar-filters.js';
import { textFilters } from './text-filters.js';

/** The filters of Jinja that chat templates may use, as they are in the sandbox of transformers. */
export const filters: ReadonlyMap<string, Filter> = new Map([
  ...textFilters,
  ...scalarFilters,
  ...listFilters,
  ...orderFilters,
]);
