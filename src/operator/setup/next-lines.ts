import { type CallerConfig, callerFlag } from '../../config/callers.js';
import { defaultConfigFile } from '../../config/config.js';
import type { CallerChoice } from './caller-step.js';
import type { SetupInstallation } from './environment.js';

/** What the next lines depend on. */
export interface SetupOutcome extends SetupInstallation {
  configFile: string;
  /** Undefined: tables [[caller]] say who sends. */
  caller: CallerChoice | undefined;
  /** All that are configured. */
  callers: readonly Pick<CallerConfig, 'name' | 'kind' | 'path'>[];
  url: string | undefined;
  /** Host and port of the public listener. */
  listen: string;
  isDaemonRunning: boolean;
  /** Whether it has something to take up. */
  needsReload: boolean;
}

/** What to type now, in order, for people who copy lines. */
export function nextLines({
  command,
  docs,
  hasService,
  configFile,
  caller,
  callers,
  url,
  listen,
  isDaemonRunning,
  needsReload,
}: SetupOutcome): string[] {
  const isUsual = configFile === defaultConfigFile;
  const config = isUsual ? '' : ` --config ${quoted(configFile)}`;
  const simgate = isUsual ? `sudo ${command}` : command;
  const lines = [
    ...startLines(isUsual, config, simgate, { isDaemonRunning, needsReload, hasService }),
  ];
  if (caller === undefined)
    return [...lines, ...linesOfCallers({ callers, listen, docs, simgate, config })];
  const flag = callers.length > 1 ? ' --caller auth0' : '';
  const curl =
    `  curl -i http://${listen}/sms -H "Authorization: Bearer $(${simgate} token${config}${flag})" ` +
    `-d '{"recipient":"+…","body":"It works"}'`;
  if (caller === 'token')
    lines.push('Try it from here, as your program would (put your number in):', curl);
  lines.push(
    `Publish it by a TLS proxy, nginx or Caddy, that passes /sms on to http://${listen}: ${docs}/proxy.md has both.`,
  );
  if (caller === 'token') {
    if (url !== undefined) lines.push(`Then your program posts to ${url}, with such a token.`);
    return lines;
  }
  lines.push(
    `Then have Auth0 send through it (it asks for tenant and credentials, and shows first what would change; see ${docs}/auth0.md):`,
    `  ${simgate} auth0 setup${config}${callerFlag(callers, 'auth0')} --gateway-url ${quoted(url ?? 'https://YOUR.NAME/sms')}`,
  );
  return lines;
}

/** For tables [[caller]] of any kind. */
function linesOfCallers({
  callers,
  listen,
  docs,
  simgate,
  config,
}: Pick<SetupOutcome, 'callers' | 'listen' | 'docs'> & {
  simgate: string;
  config: string;
}): string[] {
  const paths = [...new Set(callers.map(({ path }) => path))].join(', ');
  const lines = [
    `Publish it by a TLS proxy, nginx or Caddy, that passes ${paths} on to http://${listen}: ${docs}/proxy.md has both.`,
  ];
  const ofAuth0 = callers.filter(({ kind }) => kind === 'auth0');
  if (ofAuth0.length > 0)
    lines.push(
      `Then have Auth0 send through it (it asks for tenant and credentials, and shows first what would change; see ${docs}/auth0.md):`,
      ...ofAuth0.map(
        ({ name, path }) =>
          `  ${simgate} auth0 setup${config}${callerFlag(callers, name)} --gateway-url https://YOUR.NAME${path}`,
      ),
    );
  if (ofAuth0.length < callers.length)
    lines.push(`What to type at the other systems: ${docs}/callers.md.`);
  return lines;
}

function startLines(
  isUsual: boolean,
  config: string,
  simgate: string,
  {
    isDaemonRunning,
    needsReload,
    hasService,
  }: Pick<SetupOutcome, 'isDaemonRunning' | 'needsReload' | 'hasService'>,
): string[] {
  if (isDaemonRunning && !needsReload) return [];
  if (isDaemonRunning)
    return ['Have the running daemon take it up:', `  ${simgate} reload${config}`];
  if (!isUsual) return ['Start it:', `  ${simgate} serve${config}`];
  return [
    'Start it, now and at every boot, and watch for "modem … is ready":',
    ...(hasService ? [] : [`  ${simgate} service install`]),
    '  sudo systemctl enable --now simgate',
    '  journalctl -u simgate -f',
  ];
}

/** For a shell: what is plain stays as it is (POSIX.1-2017 2.2.2). */
const quoted = (word: string) =>
  /^[A-Za-z0-9_./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
