/**
 * The alert rules and the documentation against the golden file: what none of them can know is a
 * word that is spelled wrong.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { limitNames } from '../../src/config/policy.js';
import { sendErrorCodes } from '../../src/errors.js';
import { holdKinds } from '../../src/policy/holds.js';
import { samplesOf } from './support/samples.js';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const golden = read('test/metrics/metrics.golden.txt');
const rules = read('config/prometheus/simgate.rules.yml').replace(/^ *#.*$/gm, '');
const ruleTests = read('config/prometheus/simgate.rules.test.yml');
const docs = read('docs/metrics.md');

const samples = samplesOf(golden);
const metricNames = [...golden.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name!);
const alerts = [...rules.matchAll(/- alert: (\S+)/g)].map(([, name]) => name!);

/** The selectors in the rules: a name, and its matchers as written. */
const selectors = [...rules.matchAll(/\b(simgate_[a-z_]+|process_[a-z_]+)(?:\{([^}]*)\})?/g)].map(
  ([, name, matchers]) => ({ name: name!, matchers: matchers ?? '' }),
);

it('the rules are found', () => {
  expect(alerts.length).toBeGreaterThan(20);
  expect(selectors.length).toBeGreaterThan(alerts.length);
});

it.each([...new Set(selectors.map(({ name }) => name))])(
  '%s, which a rule reads, exists',
  (name) => {
    expect(samples.map((sample) => sample.name)).toContain(name);
  },
);

/** `label="value"` and `label=~"one|other"`; the job is Prometheus' own label. */
const conditions = selectors.flatMap(({ name, matchers }) =>
  [...matchers.matchAll(/([a-z_]+)=~?"([^"]*)"/g)]
    .filter(([, label]) => label !== 'job')
    .flatMap(([, label, values]) =>
      values!.split('|').map((value) => ({ name, label: label!, value })),
    ),
);

it.each(conditions.map(({ name, label, value }) => [name, label, value]))(
  '%s has a sample with %s="%s"',
  (name, label, value) => {
    expect(
      samples.filter((sample) => sample.name === name).map(({ labels }) => labels[label]),
    ).toContain(value);
  },
);

it('every matcher of a rule was looked at', () => {
  const braces = rules.match(/[=!]~?"/g) ?? [];
  const jobs = rules.match(/job="simgate"/g) ?? [];
  const looked = selectors.flatMap(({ matchers }) => matchers.match(/=~?"/g) ?? []);
  // The job of `up` is in no selector of ours.
  expect(looked.length + 1).toBe(braces.length);
  expect(jobs.length).toBeGreaterThan(0);
});

describe.each(alerts)('%s', (alert) => {
  it('has a test in which it fires', () => {
    const firing = new RegExp(
      `alertname: ${alert}\\n +eval_time: \\S+\\n +exp_alerts:\\n +- exp_labels`,
    );
    expect(ruleTests).toMatch(firing);
  });

  it('says in the documentation what to do', () => {
    expect(docs).toContain(`### ${alert}\n`);
  });
});

it.each(metricNames)('%s is in the table of the documentation', (name) => {
  expect(docs).toMatch(new RegExp(`^\\| \`${name}(\\{[a-z, ]+\\})?\` \\|`, 'm'));
});

it('the documentation names no alert and no metric that there is not', () => {
  const headings = [...docs.matchAll(/^### (Simgate\S+)$/gm)].map(([, name]) => name!);
  expect(headings).toEqual(alerts);
  const histogramParts = /_(bucket|sum|count)$/;
  const named = [...docs.matchAll(/\b(?:simgate|process)_[a-z_]+/g)].map(([name]) =>
    metricNames.includes(name) ? name : name.replace(histogramParts, ''),
  );
  expect(named.filter((name) => !metricNames.includes(name))).toEqual([]);
});

it('no label has a value from outside its closed set', () => {
  const closed: Record<string, RegExp> = {
    caller: /^(auth0|)$/,
    modem: /^(main|backup)$/,
    from: /^(main|backup)$/,
    to: /^(main|backup)$/,
    status: /^[2-5]\d\d$/,
    code: new RegExp(`^(|sent|promised|other|\\d{1,3}|${sendErrorCodes.join('|')})$`),
    reason: new RegExp(
      `^(${[...limitNames, ...holdKinds].join('|')}|countries|refuse_(types|prefixes)|length|memory)$`,
    ),
    grade: /^(ok|degraded|down)$/,
    cap: /^(per_day|per_month|recipients_per_month)$/,
    submitted: /^(yes|no|partly|unknown)$/,
    outcome: new RegExp(
      '^(matched|repeated|ambiguous|unknown|mistimed|' +
        'delivered|failed_try|expired|incomplete|left_on_sim|lost)$',
    ),
    country: /^([A-Z]{2}|)$/,
    state: /^(delivered|failed|expired|replaced)$/,
    // Of AT errors, and of faults of the journal.
    kind: /^(cms|cme|error|timeout|no_result|link_lost|settings_lost|corrupt|full|read_only|cannot_open|busy|io|newer|worker|silent|entry|sms|status_report|unreadable)$/,
    rung: /^(reopen|radio|reset|hook)$/,
    phase: /^[a-z]+$/,
    registration: /^(home|roaming|searching|denied|none)$/,
    le: /^(\+Inf|[\d.]+)$/,
    version: /^[\d.]+$/,
    severity: /^(severe|mild)$/,
    way: /^(telephone|mail)$/,
    told: /^(yes|no)$/,
  };
  const odd = samples.flatMap(({ name, labels }) =>
    Object.entries(labels)
      .filter(([label, value]) => !closed[label]?.test(value))
      .map(([label, value]) => `${name}{${label}="${value}"}`),
  );
  expect(odd).toEqual([]);
});
