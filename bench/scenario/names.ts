/** What `bitnet bench --scenario` takes: apart, so that commands start without all that measures. */
export const scenarioNames = ['prompt-beside-stream'] as const;

export type ScenarioName = (typeof scenarioNames)[number];
