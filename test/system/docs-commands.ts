/**
 * What becomes of each command in the documentation, by its exact text: it is run here, or it is
 * said why not.
 */

/** A command that is run in the private root, and what shows that it did its work. */
export interface Step {
  command: string;
  /** What its output must have. */
  shows: RegExp;
  /** It never ends by itself: it is interrupted after so many seconds, which is no failure. */
  stopAfterS?: number;
}

const step = (command: string, shows: RegExp = /^$/, more: Partial<Step> = {}): Step => ({
  command,
  shows,
  ...more,
});

const sent = /"segments":\s*1/;
const reload = step('sudo simgate reload', /has read its configuration and secrets anew/);
const getToken = step('TOKEN=$(sudo -u simgate simgate token)');
const send = step(
  `curl -i http://127.0.0.1:8080/sms -H "Authorization: Bearer $TOKEN" -d '{"recipient":"+49 151 12345678","body":"It works"}'`,
  sent,
);
/**
 * The sixth to one number within ten minutes: what is counted outlives a restart, and comes back
 * with the journal.
 */
const limited = step(send.command, /"code":"rate_limited"/);
const ready = step('curl -s http://127.0.0.1:8081/readyz', /^ready$/m);
const newSecret = step(
  'openssl rand -hex 32 | sudo install -o root -g simgate -m 640 /dev/stdin /etc/simgate/auth0-secret',
);
const stop = step('sudo systemctl stop simgate', /stopped/);
const start = step('sudo systemctl start simgate', /started/);

/** One evening of an operator, in order, in one shell: a command may come more than once. */
export const evening: readonly Step[] = [
  // install.md, by hand
  step('npm prune --omit=dev', /./),
  step('sudo mkdir -p /usr/lib/simgate'),
  step('sudo cp -r dist node_modules package.json systemd udev packaging /usr/lib/simgate/'),
  step('sudo ln -sf ../lib/simgate/dist/cli.js /usr/bin/simgate'),
  step('simgate service install --dry-run', /ExecStart=/),
  step('sudo simgate service install', /simgate\.service/),
  // set-up
  step('simgate modems', /Nothing is plugged in/), // a virtual modem is no stick,
  step('simgate modems --json', /^[[{]/),
  step(
    'sudo simgate setup --yes --device /dev/serial/by-id/usb-HUAWEI_HUAWEI_Mobile-if00-port0 --countries DE,AT --caller auth0 --url https://sms.example.com/sms',
    /auth0 setup/,
  ),
  step('sudo -u simgate simgate check-config', /no problems/),
  step('sudo systemctl enable --now simgate', /started/),
  step('sudo simgate doctor', /registration/),
  step('sudo simgate doctor --send +4915112345678', /sent|accepted/),
  getToken,
  send,
  // looking around
  step('sudo simgate status', /^health {5}ok: a code would go out now$/m),
  step('sudo simgate send +4915112345679 "It works"', /^the network took 1 segment/m),
  step('sudo simgate log --since 1h', /\+49…78/),
  step('sudo simgate log --to +4915112345678', /\+49…78/),
  step('sudo simgate log --status 504 --since 7d', /^(?!.*\+49)/s),
  step('sudo simgate log --code rate_limited --json', /no message in the journal is like that/),
  step('sudo simgate log --summary --by country --since 7d', /^DE +\d/m),
  step('sudo simgate log --json --limit 999 >/tmp/sent.jsonl'),
  step(
    'simgate plan --logins 200 --within 10min --seconds-per-sms 4 --modems 1..6',
    /^2 modems send 99 of 100 in time/m,
  ),
  step('sudo simgate policy explain +4915112345678', /per_recipient/),
  step('sudo simgate alerts', /no alert is open/),
  step("sudo simgate ussd '*100#'", /Balance: 10\.00 EUR/),
  step('sudo simgate policy unlock +4915112345679', /\+49…79 counts anew/),
  step('curl -s http://127.0.0.1:8081/status.json', /"phase": "ready"/),
  ready,
  step('curl -s http://127.0.0.1:8081/metrics', /simgate_messages_total\{.*code="sent".*\} [1-9]/),
  step('promtool check rules config/prometheus/simgate.rules.yml', /SUCCESS/),
  step('promtool test rules config/prometheus/simgate.rules.test.yml', /SUCCESS/),
  // the secret, by hand
  step('sudo cp -p /etc/simgate/auth0-secret /etc/simgate/auth0-secret.previous'),
  newSecret,
  reload,
  send, // with a token of the old secret
  getToken,
  send,
  step('sudo rm /etc/simgate/auth0-secret.previous'),
  reload,
  send,
  // a secret for a caller of one's own
  step(
    'openssl rand -hex 32 | sudo install -o root -g simgate -m 640 /dev/stdin /etc/simgate/home-secret',
  ),
  step('sudo cat /etc/simgate/home-secret', /^[0-9a-f]{64}$/m),
  step('echo 1234 | sudo install -o root -g simgate -m 640 /dev/stdin /etc/simgate/pin-main'),
  // backup and back
  step('sudo install -d -m 700 /root/simgate-backup'),
  step('sudo cp -a /etc/simgate /root/simgate-backup/'),
  step('sudo -u simgate sqlite3 /var/lib/simgate/journal.db ".backup /var/lib/simgate/backup.db"'),
  step(
    'for file in hmac.key backup.db; do sudo -u simgate cat /var/lib/simgate/$file | sudo install -m 600 /dev/stdin /root/simgate-backup/$file; done',
  ),
  step('sudo -u simgate rm /var/lib/simgate/backup.db'),
  stop,
  step(
    'sudo rm -f /var/lib/simgate/journal.db /var/lib/simgate/journal.db-wal /var/lib/simgate/journal.db-shm',
  ),
  step(
    "sudo cat /root/simgate-backup/backup.db | sudo -u simgate sh -c 'umask 077 && cat >/var/lib/simgate/journal.db'",
  ),
  step(
    "sudo cat /root/simgate-backup/hmac.key | sudo -u simgate sh -c 'umask 077 && cat >/var/lib/simgate/hmac.key'",
  ),
  step('sudo cp -a /root/simgate-backup/simgate/. /etc/simgate/'),
  step('sudo chgrp -R simgate /etc/simgate'),
  start,
  step('sudo simgate log --to +4915112345678', /\+49…78/), // the key fits the rows
  limited,
  // the clock
  stop,
  step('sudo rm /var/lib/simgate/clock'),
  start,
  ready,
  // a modem of one's own
  step('simgate simulate --link /tmp/modem --submit-latency 2000', /\/tmp\/modem/, {
    stopAfterS: 2,
  }),
  step(
    'node dist/cli.js simulate --link /tmp/modem --fault late:100000@1 --record /tmp/network.jsonl',
    /\/tmp\/modem/,
    {
      stopAfterS: 2,
    },
  ),
  // boxes.md: from one box to two
  step(
    'openssl rand -hex 32 | sudo install -o root -g simgate -m 640 /dev/stdin /etc/simgate/shared-password',
  ),
  step(
    'sudo install -o simgate -g simgate -m 600 /var/lib/simgate/hmac.key /etc/simgate/shared-key',
  ),
  step(
    'sudo openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=north.example -addext subjectAltName=DNS:north.example -keyout /etc/redis/simgate-key.pem -out /etc/redis/simgate-cert.pem',
    /./s,
  ),
  step(
    'sudo install -m 644 /etc/redis/simgate-cert.pem /etc/simgate/shared-ca.pem && sudo chown redis: /etc/redis/simgate-key.pem /etc/redis/simgate-cert.pem',
  ),
  step(
    `sudo sed "s/HASH/$(sudo cat /etc/simgate/shared-password | tr -d '\\n' | sha256sum | cut -c1-64)/" config/boxes/users.acl | sudo install -o redis -g redis -m 640 /dev/stdin /etc/redis/simgate-users.acl`,
  ),
  step(
    `sudo install -m 644 config/boxes/redis.conf /etc/redis/simgate.conf && echo 'include /etc/redis/simgate.conf' | sudo tee -a /etc/redis/redis.conf && sudo systemctl restart redis-server`,
    /include/,
  ),
  step(
    'sudo tee -a /etc/simgate/simgate.toml <config/boxes/shared.toml && sudo systemctl restart simgate',
    /started/,
  ),
  step(
    'sudo tar -cz -C / etc/simgate/shared-password etc/simgate/shared-key etc/simgate/shared-ca.pem etc/simgate/auth0-secret | ssh south.example sudo tar -xz -C /',
  ),
  step(
    `ssh south.example 'sudo tee -a /etc/simgate/simgate.toml && sudo systemctl restart simgate' <config/boxes/shared.toml`,
    /started/,
  ),
  getToken,
  step(
    `curl -s http://127.0.0.1:8080/sms -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: one code" -d '{"recipient":"+49 151 12345670","body":"It works twice"}'`,
    sent,
  ),
  step(
    `ssh south.example curl -s http://127.0.0.1:8080/sms -H "'Authorization: Bearer $TOKEN'" -H "'Idempotency-Key: one code'" -d "'{\\"recipient\\":\\"+49 151 12345670\\",\\"body\\":\\"It works twice\\"}'"`,
    sent,
  ),
  // It was sent by the other.
  step(
    'ssh south.example sudo simgate log --to +4915112345670',
    /no message in the journal is like that/,
  ),
  step('sudo simgate service uninstall', /simgate\.service/),
];

/** In the folder of a release, as its reader: run by release.test.ts. */
export const verifyLines: readonly string[] = [
  'gpg --show-keys --with-fingerprint simgate-archive-keyring.gpg',
  'gpgv --keyring ./simgate-archive-keyring.gpg SHA256SUMS.asc SHA256SUMS',
  'sha256sum --check --ignore-missing SHA256SUMS',
];

/** There too, in a fresh Debian. */
export const installLines: readonly string[] = [
  'sudo install -D -m 644 simgate-archive-keyring.gpg /etc/apt/keyrings/simgate.gpg',
  "echo 'deb [signed-by=/etc/apt/keyrings/simgate.gpg] https://releases.example.com/simgate ./' | sudo tee /etc/apt/sources.list.d/simgate.list",
  'sudo apt-get update',
  'sudo apt-get install simgate',
];

/** Of docs/recipes.md: run by recipes.test.ts. */
export const curlLines: readonly string[] = [
  '(umask 077 && echo "Authorization: Bearer $(sudo cat /etc/simgate/home-secret)" >simgate-header)',
  'curl -sS --fail-with-body --max-time 30 -H @simgate-header --data-urlencode "recipient=+4915112345678" --data-urlencode "body=The UPS is on battery" https://sms.example.com/sms',
  'KEY=$(cat /proc/sys/kernel/random/uuid)',
  'curl -sS --fail-with-body --max-time 60 --retry 2 -H @simgate-header -H "Idempotency-Key: $KEY" --data-urlencode "recipient=+4915112345678" --data-urlencode "body=The disk is full" https://sms.example.com/sms',
];

/** Commands that are not run in that root, by the reason. */
export const listed: Readonly<Record<string, readonly string[]>> = {
  'this very run, and .ci/run before it': [
    'npm ci && npm run demo',
    'npm ci && npm test',
    'npm ci && npm run build',
    'npx vitest run --config test/vitest.config.ts test/modem/dialogues.test.ts',
  ],
  'builds and installs packages: test/system/package.test.ts does': [
    'npm ci && npm run package:deb',
    'npm ci && npm pack',
    'sudo apt-get install git nodejs npm',
    'sudo apt-get install ./dist-deb/simgate_0.1.0_arm64.deb',
    '/usr/lib/simgate/bin/node -p process.version',
    'sudo apt-get remove simgate',
    'sudo apt-get purge simgate',
    'sudo npm install -g ./simgate-0.1.0.tgz',
    'sudo npm uninstall -g simgate',
  ],
  'asks a package server: .ci/run installs it': ['sudo apt-get install redis-server'],
  'makes, checks and installs a release: test/system/release.test.ts does, by these lines': [
    ...verifyLines,
    ...installLines,
    'npm ci && npm run release',
    'SIMGATE_SIGNING_KEY=YOUR-KEYS-FINGERPRINT npm run release',
  ],
  'asks at a public name: test/system/recipes.test.ts runs these lines at a daemon of its own': [
    ...curlLines,
  ],
  'needs a container runtime and a registry: test/system/container.test.ts builds and runs it with buildah':
    [
      'podman build --format docker --file packaging/container/Containerfile --build-arg DEB=dist-deb/simgate_0.1.0_amd64.deb --tag simgate .',
      'docker compose run --rm simgate check-config',
      'docker compose up -d',
      'docker compose exec simgate simgate status',
      'docker compose exec simgate simgate doctor',
      `sudo podman run --detach --name simgate --init --restart on-failure --read-only --cap-drop all --security-opt no-new-privileges --group-add "$(getent group dialout | cut -d: -f3)" --device-cgroup-rule 'c 188:* rw' --device-cgroup-rule 'c 166:* rw' --stop-timeout 45 --volume /dev:/dev:ro --volume ./config:/etc/simgate:ro --volume state:/var/lib/simgate --volume admin:/run/simgate-admin --tmpfs /run/simgate:mode=1777 --tmpfs /tmp --publish 127.0.0.1:8080:8080 simgate`,
      'podman run --name simgate --init --read-only --cap-drop all --group-add keep-groups --userns keep-id:uid=10001,gid=10001 --stop-timeout 45 --volume /dev:/dev:ro --volume ./config:/etc/simgate:ro --volume simgate:/var/lib/simgate --tmpfs /run/simgate --publish 127.0.0.1:8080:8080 simgate',
    ],
  'asks at a terminal: the form with options is run here, the other by test/setup': [
    'sudo simgate setup',
    'sudo simgate pin enter',
  ],
  'needs a configuration of the reader’s own: the service’s is run here': [
    'simgate serve --config ./simgate.toml',
  ],
  'needs receivers of the reader’s own: test/e2e/alerts.test.ts has some': [
    'sudo simgate alerts test',
    'sudo simgate alerts test --way telephone',
    'sudo systemctl edit simgate',
  ],
  'needs a machine that systemd has booted': [
    'systemctl status simgate',
    'sudo systemctl reload simgate',
    'sudo systemctl restart simgate',
    'sudo systemctl enable --now simgate-recover.path',
    'sudo systemctl disable --now ModemManager',
    'journalctl -u simgate -f',
    'journalctl -u simgate -p warning -b',
    'journalctl -u simgate -p err -b',
    `journalctl -u simgate --since -1h -o cat | grep '"event":"wedged"'`,
    `journalctl -u simgate --since -1h -o cat | grep '"event":"token_refused"'`,
    `journalctl -u simgate --since -10m -o cat | grep '"event":"at"'`,
  ],
  'needs a public name and a certificate: test/system/proxies.test.ts tries the configurations': [
    'sudo apt-get install nginx-light certbot',
    "sudo certbot certonly --webroot -w /var/www/html -d sms.example.com --deploy-hook 'systemctl reload nginx'",
    'sudo cp config/proxy/nginx/simgate.conf /etc/nginx/sites-available/simgate',
    "sudo sed -i 's/sms\\.example\\.com/YOUR.NAME/g' /etc/nginx/sites-available/simgate",
    'sudo ln -s ../sites-available/simgate /etc/nginx/sites-enabled/simgate',
    'sudo nginx -t && sudo systemctl reload nginx',
    'sudo apt-get install caddy',
    'sudo cp config/proxy/Caddyfile /etc/caddy/Caddyfile',
    "sudo sed -i 's/sms\\.example\\.com/YOUR.NAME/g' /etc/caddy/Caddyfile",
    'caddy validate --config /etc/caddy/Caddyfile && sudo systemctl reload caddy',
    `curl -i https://sms.example.com/sms -H "Authorization: Bearer $TOKEN" -d '{"recipient":"+49 151 12345678","body":"It works"}'`,
    "curl -i https://sms.example.com/sms -d '{}'",
    'curl -i https://sms.example.com/readyz',
    "curl -i http://sms.example.com/sms -d '{}'",
  ],
  'the same, and needs a second box: test/system/proxies-boxes.test.ts tries the configurations': [
    'sudo apt-get install haproxy certbot',
    'sudo cp config/proxy/haproxy/haproxy.cfg /etc/haproxy/haproxy.cfg',
    "sudo sed -i 's/sms\\.example\\.com/YOUR.NAME/g; s/192\\.0\\.2\\.11/BOX1/; s/192\\.0\\.2\\.12/BOX2/' /etc/haproxy/haproxy.cfg",
    "sudo certbot certonly --standalone --http-01-port 8402 -d sms.example.com --deploy-hook 'cat $RENEWED_LINEAGE/fullchain.pem $RENEWED_LINEAGE/privkey.pem >/etc/haproxy/$(basename $RENEWED_LINEAGE).pem && systemctl reload-or-restart haproxy'",
    'sudo haproxy -c -f /etc/haproxy/haproxy.cfg && sudo systemctl reload-or-restart haproxy',
  ],
  'needs more messages than one evening has: test/planner/real-run.test.ts does it': [
    'simgate plan --logins 200 --within 10min --from-journal /tmp/sent.jsonl',
  ],
  'asks a server on the Internet': [
    'sudo apt-get install jq',
    `curl -fsS https://cdn.auth0.com/ip-ranges.json | jq -r '.regions.EU.ipv4_cidrs | join(", ")'`,
  ],
  'needs a tenant at Auth0: test/auth0 has a stand-in for one': [
    'export AUTH0_DOMAIN=example.eu.auth0.com AUTH0_CLIENT_ID=abc; read -rs AUTH0_CLIENT_SECRET && export AUTH0_CLIENT_SECRET',
    'export AUTH0_DOMAIN=example.eu.auth0.com',
    'export AUTH0_CLIENT_ID=...',
    'read -rs AUTH0_CLIENT_SECRET && export AUTH0_CLIENT_SECRET',
    "alias auth0='sudo --preserve-env=AUTH0_DOMAIN,AUTH0_CLIENT_ID,AUTH0_CLIENT_SECRET,AUTH0_MANAGEMENT_TOKEN simgate auth0'",
    'sudo -E simgate auth0 setup --gateway-url https://sms.example.com/sms --dry-run',
    'sudo -E simgate auth0 setup --gateway-url https://sms.example.com/sms',
    'sudo -E simgate auth0 check',
    'sudo -E simgate auth0 test +4915112345678',
    'sudo -E simgate auth0 rotate',
    'sudo -E simgate auth0 restore',
    'auth0 setup --gateway-url https://sms.example.com/sms --dry-run',
    'auth0 setup --gateway-url https://sms.example.com/sms',
    'auth0 setup --gateway-url https://sms.example.com/sms --deploy',
    'auth0 check',
    'auth0 test +4915112345678',
    'auth0 rotate',
    'auth0 restore',
    'auth0 setup --caller staging --connection sms-staging --gateway-url https://sms.example.com/sms',
    'auth0 rotate --caller staging',
  ],
};
