// Patterns of texts that every validator takes for valid; not all that some would take.

const time = '([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,9})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)';
const date =
  '\\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))';
const octet = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const label = '[A-Za-z0-9]{1,20}(-[A-Za-z0-9]{1,20}){0,2}';
const group = '[0-9a-fA-F]{1,4}';
const domain = `(${label}\\.){0,3}[A-Za-z][A-Za-z0-9]{0,20}`;
const pathCharacter = "([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})";

/** Formats by name. */
export const formats: ReadonlyMap<string, string> = new Map([
  ['date', `^${date}$`],
  ['time', `^${time}$`],
  ['date-time', `^${date}T${time}$`],
  [
    'duration',
    '^P(\\d{1,9}W|(\\d{1,9}Y(\\d{1,9}M(\\d{1,9}D)?)?|\\d{1,9}M(\\d{1,9}D)?|\\d{1,9}D)(T\\d{1,9}H)?|T(\\d{1,9}H(\\d{1,9}M(\\d{1,9}S)?)?|\\d{1,9}M(\\d{1,9}S)?|\\d{1,9}S))$',
  ],
  ['uuid', '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'],
  [
    'email',
    `^[A-Za-z0-9_+-]{1,20}(\\.[A-Za-z0-9_+-]{1,20}){0,2}@(${label}\\.){1,3}[A-Za-z]{2,20}$`,
  ],
  ['hostname', `^${domain}$`],
  ['ipv4', `^${octet}(\\.${octet}){3}$`],
  [
    'ipv6',
    `^(${group}(:${group}){7}|${group}(:${group}){0,2}::(${group}(:${group}){0,2})?|::(${group}(:${group}){0,5})?)$`,
  ],
  [
    'uri',
    `^(https?|ftp|wss?)://${domain}(:\\d{1,4})?(/${pathCharacter}{0,100}){0,10}(\\?${pathCharacter}{0,200})?(#${pathCharacter}{0,100})?$`,
  ],
]);
