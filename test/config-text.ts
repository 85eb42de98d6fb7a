/** Pieces of a configuration, for tests that write one. */

/** What differs in {@link configHead}; paths may be relative to the configuration. */
interface Head {
  stateDir?: string;
  /** Of the public listener. */
  listen?: string;
  socket?: string;
  secretFile?: string;
}

/** What a token must say by {@link configHead}: the names of Auth0's own samples. */
export const claims = { subject: 'urn:Auth0', audience: 'urn:MySmsGateway' };

/** Everything before `[policy]`: ports that the system chooses, files beside the configuration. */
export const configHead = ({
  stateDir = 'state',
  listen = '127.0.0.1:0',
  socket = 'control.sock',
  secretFile = 'secret',
}: Head = {}): string => `state_dir = "${stateDir}"
[http]
listen = "${listen}"
[admin]
listen = "127.0.0.1:0"
[control]
socket = "${socket}"
[auth0]
subject = "${claims.subject}"
audience = "${claims.audience}"
secret_file = "${secretFile}"
`;

/**
 * The table `[policy]` for tests that send more than anyone would: every country, no limit, no
 * lock-out, no cool-down.
 */
export const openPolicy = `[policy]
countries = ["*"]
per_recipient = "off"
per_block = "off"
per_client_ip = "off"
per_country = "off"
total = "50000 in 1 s"
lock_out_first_s = 0
cool_down_recipient_s = 0
cool_down_block_s = 0
`;
