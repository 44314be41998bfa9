import { join } from 'node:path';
import { packageRoot } from '../../package-root.js';

/** The model in the package: a small ternary model that writes children's stories. */
export const embeddedModelPath = join(packageRoot, 'models', 'stories-ternary.gguf');
