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
