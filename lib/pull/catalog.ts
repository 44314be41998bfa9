/** A public model that has a short name here. */
export interface CatalogModel {
  /** What `pullModel` and, once it is pulled, `findModel` and every command know it by. */
  readonly name: string;
  /** What it is for, and how many parameters it has. */
  readonly about: string;
  /** On the Hugging Face Hub. */
  readonly repository: string;
  readonly file: string;
  /** As the repository names it. */
  readonly license: string;
  /** Bytes to pull, to two digits. */
  readonly bytes: number;
}

const falconLicense = 'Falcon LLM License';

/** The public ternary models of graphs and types that this engine runs (docs/models.md). */
export const modelCatalog: readonly CatalogModel[] = [
  model('bitnet-2b', 'chat, 2.4B', 'microsoft/bitnet-b1.58-2B-4T-gguf', 'MIT', 1.2e9),
  bonsai('1.7B', 0.46e9),
  bonsai('4B', 1.1e9),
  bonsai('8B', 2.2e9),
  model('falcon-e-1b', 'chat, 1B', 'tiiuae/Falcon-E-1B-Instruct-GGUF', falconLicense, 0.67e9),
  model('falcon-e-3b', 'chat, 3B', 'tiiuae/Falcon-E-3B-Instruct-GGUF', falconLicense, 1e9),
  falcon3('1B', 1.4e9),
  falcon3('3B', 2.2e9),
  falcon3('7B', 3.3e9),
  falcon3('10B', 4e9),
  embedding('0.6b', 0.43e9),
  embedding('270m', 0.37e9),
];

/** The entry of a short name. */
export function catalogModel(name: string): CatalogModel | undefined {
  return modelCatalog.find((entry) => entry.name === name);
}

/** What the store calls a model of the catalog. */
export function catalogStoreName({ repository, file }: CatalogModel): string {
  return `${repository}/${file}`;
}

function model(
  name: string,
  about: string,
  repository: string,
  license: string,
  bytes: number,
  file = 'ggml-model-i2_s.gguf',
): CatalogModel {
  return { name, about, repository, file, license, bytes };
}

function bonsai(size: string, bytes: number): CatalogModel {
  const name = `Ternary-Bonsai-${size}`;
  const [repository, file] = [`prism-ml/${name}-gguf`, `${name}-Q2_0.gguf`];
  const short = `bonsai-${size.toLowerCase()}`;
  return model(short, `chat, ${size}`, repository, 'Apache-2.0', bytes, file);
}

function falcon3(size: string, bytes: number): CatalogModel {
  const repository = `tiiuae/Falcon3-${size}-Instruct-1.58bit-GGUF`;
  const short = `falcon3-${size.toLowerCase()}`;
  return model(short, `chat, ${size}`, repository, falconLicense, bytes);
}

function embedding(size: string, bytes: number): CatalogModel {
  const short = `bitnet-embedding-${size}`;
  const file = `bitnet-embeddings-${size}-bf16-i2_s.gguf`;
  const about = `embeddings, ${size.toUpperCase()}`;
  return model(short, about, `microsoft/${short}`, 'MIT', bytes, file);
}
