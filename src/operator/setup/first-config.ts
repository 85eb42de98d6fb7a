/**
 * What a configuration begins with where there is none; the answers are filled in as into any
 * other.
 */
export const firstConfig = `# simgate's configuration, begun by "simgate setup". Every other setting has a default: simgate.example.toml shows them all.
# Check it with: simgate check-config

# Who may send: the sub and aud of the tokens, and the file with the secret that signs them.
[auth0]
#subject = "urn:Auth0"
#audience = "urn:MySmsGateway"
#secret_file = "/etc/simgate/auth0-secret"

# Countries that may be written to: two-letter codes, or ["*"] for every one.
[policy]
#countries = ["DE", "AT"]

# One [[modem]] for each modem.
[[modem]]
#name = "main"
#device = "/dev/serial/by-id/usb-your-modem-if00-port0"
`;
