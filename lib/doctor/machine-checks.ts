import { readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { cacheFolder } from '../cache-folder.js';
import { BitnetError } from '../errors.js';
import { systemFault } from '../files/system-fault.js';
import { energyAvailability } from '../machine/energy/availability.js';
import { compiler, cpuInfo, readBandwidth, selectKernels, selfTest } from '../native.js';
import { packageVersion } from '../package-root.js';
import { type Check, fail, ok, size, warn } from './check.js';

/** What measuring the bandwidth takes, and something to spare. */
const bandwidthBytes = 1024 * 2 ** 20;

/** With less free memory than this, hardly any model can be loaded. */
const littleMemory = 2 ** 29;

/** The Node-API version the addon is built for. */
const neededNapi = 8;

/** Whether the compiled addon can be loaded: without it there are no kernels and no models. */
export function checkAddon(): Check {
  try {
    const built = compiler();
    const napi = process.versions.napi ?? '0';
    const message = `bitnet ${packageVersion()}, built with ${built}; Node.js ${process.versions.node} has Node-API ${napi}`;
    if (Number(napi) >= neededNapi) return ok('addon', message);
    return fail('addon', message, `use a Node.js with Node-API ${neededNapi} or newer`);
  } catch (error) {
    return fail('addon', (error as Error).message, null);
  }
}

export function checkCpu(): Check {
  const { isa, threads, kernels } = cpuInfo();
  const name = cpus()[0]?.model.trim() || process.arch;
  const usable = kernels.filter((kernel) => kernel.usable);
  const others = kernels.filter((kernel) => !kernel.usable).map((kernel) => kernel.name);
  const message = `${name}: ${isa.join(', ') || 'no extensions'}; ${threads} threads${others.length > 0 ? `; not on this CPU: ${others.join(', ')}` : ''}`;
  if (usable.some((kernel) => kernel.isa !== 'scalar')) return ok('cpu', message);
  return warn('cpu', message, 'only the scalar kernels run here, which are slow');
}

/** The kernels that would be used, and every one this CPU can run beside its definition. */
export async function checkKernels(forced: string): Promise<Check[]> {
  const checks: Check[] = [];
  try {
    const { ternary, dense, vector } = selectKernels(forced);
    checks.push(ok('kernels', `would use ${ternary}, dense ${dense}, vector ${vector}`));
  } catch (error) {
    checks.push(fail('kernels', (error as Error).message, null));
  }
  const verdicts = await selfTest();
  for (const { family, name, wrong } of verdicts) {
    if (wrong === '') continue;
    const remedy = 'set BITNET_KERNEL=scalar, and report this with the CPU and the compiler';
    checks.push(fail('kernels', `${family} ${name} computes wrongly: ${wrong}`, remedy));
  }
  for (const family of new Set(verdicts.map((verdict) => verdict.family))) {
    const right = verdicts.filter((verdict) => verdict.family === family && verdict.wrong === '');
    if (right.length === 0) continue;
    const names = right.map(({ name }) => name).join(', ');
    checks.push(ok('kernels', `${family} as defined: ${names}`));
  }
  return checks;
}

export async function checkBandwidth(): Promise<Check> {
  if (freemem() < bandwidthBytes) {
    return warn('bandwidth', `not measured: it takes ${size(bandwidthBytes)} of free memory`);
  }
  try {
    const { threads } = cpuInfo();
    const rate = await readBandwidth(threads);
    return ok('bandwidth', `${rate.toFixed(1)} GB/s read by ${threads} threads`);
  } catch (error) {
    return warn('bandwidth', (error as Error).message);
  }
}

export function checkMemory(): Check {
  const [free, total] = [freemem(), totalmem()];
  const message = `${size(free)} of ${size(total)} available`;
  if (free >= littleMemory) return ok('memory', message);
  return warn('memory', message, 'close other programs');
}

/** @param path where Linux says whether it gives huge pages to who asks for them */
export function checkHugePages(
  platform: NodeJS.Platform = process.platform,
  path = '/sys/kernel/mm/transparent_hugepage/enabled',
): Check {
  if (platform !== 'linux') return ok('pages', 'left to this operating system');
  try {
    const [, mode = 'unknown'] = /\[(\w+)\]/.exec(readFileSync(path, 'utf8')) ?? [];
    if (mode === 'always' || mode === 'madvise') return ok('pages', `huge pages: ${mode}`);
    const remedy = `echo madvise | sudo tee ${path} (reading weights is a little faster then)`;
    return warn('pages', `huge pages: ${mode}`, remedy);
  } catch {
    return warn('pages', 'this kernel has no transparent huge pages');
  }
}

/** Whether measured choices of kernels can be remembered. */
export async function checkCache(): Promise<Check> {
  const folder = cacheFolder();
  const remedy = (first: string) => `${first}; till then kernels are timed at each load`;
  if (folder === undefined) {
    const none = 'there is none, because there is no home folder';
    return warn('cache', none, remedy('set BITNET_CACHE to a folder that can be written'));
  }
  const probe = join(folder, `doctor-${process.pid}`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(probe, '', { flag: 'wx' });
    await rm(probe, { force: true });
    return ok('cache', `${folder} can be written`);
  } catch (error) {
    const message = `${folder} cannot be written: the system answered "${systemFault(error as Error)}"`;
    return warn('cache', message, remedy('make it writable or set BITNET_CACHE'));
  }
}

export function checkEnergy(): Check {
  const { available, source, domains, reason, remedy } = energyAvailability();
  if (available) return ok('energy', `counters of ${source}: ${domains.join(', ')}`);
  return warn('energy', `not measurable: ${reason}`, remedy);
}

/** An error as a check, unless it means that the user wants no more of them. */
export function failure(subject: string, error: unknown): Check {
  if (!(error instanceof BitnetError) || error.code === 'ERR_BITNET_ABORTED') throw error;
  return fail(subject, `${error.code}: ${error.message}`, null);
}
