/** What the tokens of the bench say, and its daemons and its bare server ask for. */
export const subject = 'urn:Auth0';
export const audience = 'urn:MySmsGateway';
