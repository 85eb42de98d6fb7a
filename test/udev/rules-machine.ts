/** A device as udev sees it when its event is handled. */
export interface UdevDevice {
  /** The last part of its path in sysfs. */
  kernel?: string;
  subsystem: string;
  devtype?: string;
  /** Its attributes in sysfs. */
  attributes?: Readonly<Record<string, string>>;
  /** Of a device above another: what its own event left as its tags in udev's database. */
  tags?: readonly string[];
  /** What earlier rules have set, as `usb_id` does. */
  properties?: Readonly<Record<string, string>>;
  /** The next one above it in sysfs. */
  parent?: UdevDevice | undefined;
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

/**
 * Reads rules as udev(7) has them; throws on anything that is not the part of that language which
 * is used here.
 */
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

/**
 * fnmatch(3) with `|` between alternatives, as far as the rules use it: `?*` is any text but none.
 */
const fits = (value: string, pattern: string): boolean =>
  pattern === '?*' ? value !== '' : pattern.split('|').includes(value);

/** Applies the rules to one device's event. */
export function applyRules(
  rules: readonly Token[][],
  device: UdevDevice,
  action = 'add',
): UdevResult {
  const result: UdevResult = {
    properties: { ...device.properties },
    tags: [],
    symlinks: [],
    assigned: {},
  };
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

/** Keys that are asked of the device and of each one above it. */
const upwardKeys = ['KERNELS', 'SUBSYSTEMS', 'ATTRS', 'TAGS'];

function matches(
  tokens: readonly Token[],
  device: UdevDevice,
  action: string,
  result: UdevResult,
): boolean {
  const conditions = tokens.filter(({ operator }) => operator === '==' || operator === '!=');
  const upward = conditions.filter(({ key }) => upwardKeys.includes(key));
  const own = conditions.filter((token) => !upward.includes(token));
  if (!own.every((token) => isMet(token, valuesOf(token, device, action, result)))) return false;
  // All of a line must be met by one and the same device, the nearest that does: so `!=` asks
  // whether any of them differs.
  const chain =
    upward.length === 0 ? [] : [{ ...device, tags: result.tags }, ...devicesAbove(device)];
  const areAllMet = (level: UdevDevice): boolean =>
    upward.every((token) => isMet(token, valuesAt(token, level)));
  return upward.length === 0 || chain.some(areAllMet);
}

function devicesAbove({ parent }: UdevDevice): UdevDevice[] {
  return parent === undefined ? [] : [parent, ...devicesAbove(parent)];
}

/** What is not there at all, as a missing attribute, meets neither operator. */
function isMet({ operator, value }: Token, values: readonly string[] | undefined): boolean {
  if (values === undefined) return false;
  return values.some((each) => fits(each, value)) === (operator === '==');
}

function valuesAt({ key, argument }: Token, level: UdevDevice): readonly string[] | undefined {
  if (key === 'TAGS') return level.tags ?? [];
  if (key === 'KERNELS') return [level.kernel ?? ''];
  if (key === 'SUBSYSTEMS') return [level.subsystem];
  return attributeOf(level, argument);
}

function attributeOf({ attributes }: UdevDevice, name: string): readonly string[] | undefined {
  const value = attributes?.[name];
  return value === undefined ? undefined : [value];
}

function valuesOf(
  { key, argument }: Token,
  device: UdevDevice,
  action: string,
  { properties, tags }: UdevResult,
): readonly string[] | undefined {
  switch (key) {
    case 'ACTION':
      return [action];
    case 'SUBSYSTEM':
      return [device.subsystem];
    case 'ENV':
      return [argument === 'DEVTYPE' ? (device.devtype ?? '') : (properties[argument] ?? '')];
    case 'ATTR':
      return attributeOf(device, argument);
    case 'TAG':
      return tags;
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
  else if (!['GOTO', 'LABEL'].includes(key))
    throw new Error(`the rules assign ${key}: unknown to this test`);
}

function labelAfter(rules: readonly Token[][], from: number, label: string): number {
  const found = rules.findIndex(
    (tokens, index) =>
      index > from && tokens.some(({ key, value }) => key === 'LABEL' && value === label),
  );
  if (found < 0) throw new Error(`GOTO "${label}" leads nowhere`);
  return found;
}
