/** What `bitnet bench --scenario` takes: apart, so that commands start without all that measures. */
export const scenarioNames = ['prompt-beside-stream', 'shared-prefix'] as const;

export type ScenarioName = (typeof scenarioNames)[number];
