/**
 * Whom the daemon is to call, and whether its unit lets it: the shipped one reaches this machine
 * only, and what it forbids is dropped without a word.
 */

import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { BlockList, isIP } from 'node:net';
import { inTime } from '../clock/within.js';
import type { Config } from '../config/config.js';
import { hostOf } from '../config/listen.js';
import { type Finding, warning } from './finding.js';
import { runProgram } from './service.js';

/** What to do about it. */
const letOut =
  'sudo systemctl edit simgate, and write two lines: [Service] and IPAddressAllow=any (or its address); then sudo systemctl restart simgate';

/** Milliseconds for a name to be looked up. */
const lookupMs = 2_000;

/** A warning for each address that the unit keeps the daemon from. Asks systemd. */
export async function judgeUnitNetwork(config: Config): Promise<Finding[]> {
  const shown = await runProgram('systemctl', [
    'show',
    '--property=IPAddressAllow,IPAddressDeny',
    'simgate.service',
  ]);
  const denied = listOf(shown, 'IPAddressDeny');
  if (denied === undefined) return [];
  const allowed = listOf(shown, 'IPAddressAllow');
  const isForbidden = (address: string): boolean => {
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    return denied.check(address, family) && allowed?.check(address, family) !== true;
  };
  const findings: Finding[] = [];
  for (const [key, host] of await calledHosts(config)) {
    const addresses = await addressesOf(host);
    if (!addresses.every(isForbidden)) continue;
    const what = `${key} names another machine, which simgate.service may not call (IPAddressDeny=): nothing arrives there, and it looks as if nobody answered`;
    findings.push(warning('unit', what, letOut));
  }
  return findings;
}

/** Ranges of a property, as systemctl shows them; undefined where there are none. */
function listOf(shown: string | undefined, property: string): BlockList | undefined {
  const line = shown?.split('\n').find((each) => each.startsWith(`${property}=`));
  const ranges = (line?.slice(property.length + 1) ?? '').split(' ').filter((one) => one !== '');
  if (ranges.length === 0) return undefined;
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', bits] = range.split('/');
    const isWide = isIP(network) === 6;
    list.addSubnet(network, Number(bits ?? (isWide ? 128 : 32)), isWide ? 'ipv6' : 'ipv4');
  }
  return list;
}

/** A name that cannot be looked up is somebody else's. */
const elsewhere = '192.0.2.1';

async function addressesOf(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const asked = lookup(host, { all: true }).catch(() => undefined);
  const found = await inTime(lookupMs, asked);
  return found?.map(({ address }) => address) ?? [elsewhere];
}

/** Whom the configuration has the daemon call, by their keys. */
async function calledHosts({
  alerts,
  inbound,
  shared,
}: Config): Promise<[key: string, host: string][]> {
  const { webhooks, mail, heartbeatUrl, heartbeatUrlFile } = alerts;
  const urls: [key: string, url: string | undefined, file: string | undefined][] = [
    ...webhooks.map(({ url, urlFile, shape, name }): (typeof urls)[number] => [
      `alerts.webhook "${name}"`,
      url ?? (shape === 'telegram' ? 'https://api.telegram.org' : undefined),
      urlFile,
    ]),
    ['alerts.heartbeat_url', heartbeatUrl, heartbeatUrlFile],
    ['inbound.url', inbound?.url, undefined],
  ];
  const called: [string, string][] = [];
  for (const [key, url, file] of urls) {
    // Who may not read the file is told by others.
    const written = file === undefined ? url : await readFile(file, 'utf8').catch(() => undefined);
    const host = written && URL.canParse(written.trim()) && hostOf(new URL(written.trim()));
    if (host) called.push([key, host]);
  }
  if (mail !== undefined) called.push(['alerts.mail.relay', mail.relay.host]);
  if (shared !== undefined) called.push(['shared.url', shared.url.host]);
  return called;
}
