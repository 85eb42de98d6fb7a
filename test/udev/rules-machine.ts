/** A device as udev sees it when its event is handled. */
export interface UdevDevice {
  subsystem: string;
  devtype?: string;
  /** Its own attributes in sysfs. */
  attributes?: Readonly<Record<string, string>>;
  /** Each parent's, the nearest first; the subsystem of each under `SUBSYSTEM`. */
  parents?: readonly Readonly<Record<string, string>>[];
  /** Tags of its parents. */
  parentTags?: readonly string[];
  /** What earlier rules have set, as `usb_id` does. */
  properties?: Readonly<Record<string, string>>;
}

/** What the rules came to. */
export interface UdevResult {
  properties: Record<string, string>;
  tags: string[];
  symlinks: string[];
  /** GROUP, MODE and attributes that were written. */
  assigned: Record<string, string>;
}

interface Token {
  key: string;
  argument: string;
  operator: string;
  value: string;
}

const tokenForm = /^\s*([A-Z]+)(?:\{([^}]*)\})?\s*(==|!=|\+=|=)\s*"([^"]*)"\s*(,|$)/;

/** Reads rules as udev(7) has them; throws on anything that is not the part of that language which is used here. */
export function parseRules(text: string): Token[][] {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const tokens: Token[] = [];
    for (let rest = line; rest !== ''; ) {
      const match = tokenForm.exec(rest);
      if (match === null) throw new Error(`not a rule: ${line}`);
      const [whole, key = '', argument = '', operator = '', value = ''] = match;
      tokens.push({ key, argument, operator, value });
      rest = rest.slice(whole.length);
    }
    return tokens;
  });
}

/** fnmatch(3) with `|` between alternatives, as far as the rules use it: `?*` is any text but none. */
const fits = (value: string, pattern: string): boolean =>
  pattern === '?*' ? value !== '' : pattern.split('|').includes(value);

/** Applies the rules to one device's event. */
export function applyRules(rules: readonly Token[][], device: UdevDevice, action = 'add'): UdevResult {
  const result: UdevResult = { properties: { ...device.properties }, tags: [], symlinks: [], assigned: {} };
  for (let index = 0; index < rules.length; index += 1) {
    const tokens = rules[index]!;
    if (!matches(tokens, device, action, result)) continue;
    for (const token of tokens.filter(({ operator }) => operator === '=' || operator === '+='))
      assign(token, device, result);
    const target = tokens.find(({ key }) => key === 'GOTO')?.value;
    if (target !== undefined) index = labelAfter(rules, index, target);
  }
  return result;
}

function matches(tokens: readonly Token[], device: UdevDevice, action: string, result: UdevResult): boolean {
  const conditions = tokens.filter(({ operator }) => operator === '==' || operator === '!=');
  const ofParents = conditions.filter(({ key }) => ['ATTRS', 'SUBSYSTEMS'].includes(key));
  const own = conditions.filter((token) => !ofParents.includes(token));
  const isMet = (token: Token) => {
    const values = valuesOf(token, device, action, result);
    return values.some((value) => fits(value, token.value)) === (token.operator === '==');
  };
  // All conditions on parents must be met by one and the same.
  const isParent = (parent: Readonly<Record<string, string>>) =>
    ofParents.every(({ key, argument, value }) =>
      fits(parent[key === 'ATTRS' ? argument : 'SUBSYSTEM'] ?? '', value),
    );
  const itself = { ...device.attributes, SUBSYSTEM: device.subsystem };
  return own.every(isMet) && (ofParents.length === 0 || [itself, ...(device.parents ?? [])].some(isParent));
}

function valuesOf(
  { key, argument }: Token,
  device: UdevDevice,
  action: string,
  { properties, tags }: UdevResult,
): readonly string[] {
  switch (key) {
    case 'ACTION':
      return [action];
    case 'SUBSYSTEM':
      return [device.subsystem];
    case 'ENV':
      return [argument === 'DEVTYPE' ? (device.devtype ?? '') : (properties[argument] ?? '')];
    case 'ATTR':
      return [device.attributes?.[argument] ?? ''];
    case 'TAGS':
      return [...tags, ...(device.parentTags ?? [])];
    case 'TEST':
      return ['power/control'];
    default:
      throw new Error(`the rules use ${key} in a way that this test does not know`);
  }
}

function assign({ key, argument, value }: Token, device: UdevDevice, result: UdevResult): void {
  const { properties, tags, symlinks, assigned } = result;
  const text = value.replace(/\$env\{(\w+)\}/g, (_, name: string) => properties[name] ?? '');
  if (key === 'ENV') properties[argument] = text;
  else if (key === 'TAG') tags.push(text);
  else if (key === 'SYMLINK') symlinks.push(text);
  else if (key === 'IMPORT') Object.assign(properties, device.properties);
  else if (['GROUP', 'MODE', 'ATTR', 'OPTIONS'].includes(key))
    assigned[argument === '' ? key : argument] = text;
  else if (!['GOTO', 'LABEL'].includes(key)) throw new Error(`the rules assign ${key}: unknown to this test`);
}

function labelAfter(rules: readonly Token[][], from: number, label: string): number {
  const found = rules.findIndex(
    (tokens, index) => index > from && tokens.some(({ key, value }) => key === 'LABEL' && value === label),
  );
  if (found < 0) throw new Error(`GOTO "${label}" leads nowhere`);
  return found;
}
