import { settingMemory } from './models.js';
import type { Setting } from './setting.js';

/**
 * Settings cut into groups that can be loaded at the same time within `available` bytes, in their order, each with keys and values of
 * so many `positions`. Two that lead to an extrapolation stay together, because their samples are taken by turns.
 */
export async function groupsThatFit(
  settings: readonly Setting[],
  available: number,
  positions: number,
): Promise<Setting[][]> {
  const groups: Setting[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (const unit of unitsOf(settings)) {
    let bytes = 0;
    for (const setting of unit) bytes += await settingMemory(setting, positions);
    if (used + bytes > available) {
      groups.push([]);
      used = 0;
    }
    for (const setting of unit) groups.at(-1)!.push(setting);
    used += bytes;
  }
  return groups;
}

/** Single settings, and pairs of which the second is extrapolated from. */
function unitsOf(settings: readonly Setting[]): Setting[][] {
  const units: Setting[][] = [];
  for (const setting of settings) {
    if (setting.extrapolateTo === undefined) units.push([setting]);
    else units.at(-1)!.push(setting);
  }
  return units;
}
