// What the services document about their payloads, as JSON Schema: Slack's Block Kit reference, Discord's webhook resource,
// Microsoft's Adaptive Card schema 1.4 (the elements used here) and "Send an Adaptive Card using Workflows", ntfy's
// "Publish as JSON".
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';

const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength });
const object = (properties: Record<string, object>, required = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});
const uri = { type: 'string', format: 'uri', maxLength: 2_048, pattern: '^https?://' };

const slackText = (kind: string, max: number) => object({ type: { const: kind }, text: text(max) });
const slackHeader = object({
  type: { const: 'header' },
  text: object({ type: { const: 'plain_text' }, text: text(150), emoji: { type: 'boolean' } }),
});
const slackSection = {
  anyOf: [
    object({ type: { const: 'section' }, text: slackText('mrkdwn', 3_000) }),
    object({
      type: { const: 'section' },
      fields: { type: 'array', minItems: 1, maxItems: 10, items: slackText('mrkdwn', 2_000) },
    }),
  ],
};
const slack = object({
  text: text(4_000),
  unfurl_links: { type: 'boolean' },
  unfurl_media: { type: 'boolean' },
  blocks: { type: 'array', minItems: 1, maxItems: 50, items: { anyOf: [slackHeader, slackSection] } },
});

const discordField = object({ name: text(256), value: text(1_024), inline: { type: 'boolean' } });
const discordEmbed = object(
  {
    title: text(256),
    description: text(4_096),
    color: { type: 'integer', minimum: 0, maximum: 0xffffff },
    timestamp: { type: 'string', format: 'date-time' },
    fields: { type: 'array', maxItems: 25, items: discordField },
    image: object({ url: uri }),
  },
  ['title', 'description'],
);
const discord = object({
  allowed_mentions: object({ parse: { type: 'array', maxItems: 0 } }),
  embeds: { type: 'array', minItems: 1, maxItems: 10, items: discordEmbed },
});

const textBlock = object(
  {
    type: { const: 'TextBlock' },
    text: text(10_000),
    wrap: { type: 'boolean' },
    size: { enum: ['Default', 'Small', 'Medium', 'Large', 'ExtraLarge'] },
    weight: { enum: ['Default', 'Lighter', 'Bolder'] },
    color: { enum: ['Default', 'Dark', 'Light', 'Accent', 'Good', 'Warning', 'Attention'] },
    spacing: { enum: ['Default', 'None', 'Small', 'Medium', 'Large', 'ExtraLarge', 'Padding'] },
  },
  ['type', 'text'],
);
const factSet = object({
  type: { const: 'FactSet' },
  facts: { type: 'array', minItems: 1, items: object({ title: text(100), value: text(10_000) }) },
});
const adaptiveCard = object(
  {
    $schema: { const: 'http://adaptivecards.io/schemas/adaptive-card.json' },
    type: { const: 'AdaptiveCard' },
    version: { enum: ['1.0', '1.1', '1.2', '1.3', '1.4'] },
    body: { type: 'array', minItems: 1, items: { anyOf: [textBlock, factSet] } },
    actions: {
      type: 'array',
      minItems: 1,
      maxItems: 6,
      items: object({ type: { const: 'Action.OpenUrl' }, title: text(200), url: uri }),
    },
  },
  ['type', 'version', 'body'],
);
const teams = object({
  type: { const: 'message' },
  attachments: {
    type: 'array',
    minItems: 1,
    maxItems: 10,
    items: object({
      contentType: { const: 'application/vnd.microsoft.card.adaptive' },
      contentUrl: { type: 'null' },
      content: adaptiveCard,
    }),
  },
});

const ntfy = object(
  {
    topic: { type: 'string', pattern: '^[-_A-Za-z0-9]{1,64}$' },
    message: text(4_096),
    title: text(250),
    tags: { type: 'array', items: text(64) },
    priority: { type: 'integer', minimum: 1, maximum: 5 },
    click: uri,
    attach: uri,
    filename: text(255),
    actions: {
      type: 'array',
      maxItems: 3,
      items: object({ action: { const: 'view' }, label: text(100), url: uri }),
    },
  },
  ['topic', 'message'],
);

const ajv = new Ajv({ allErrors: true, strict: false });
addFormats.default(ajv);

/** Bytes of the whole request: Teams documents 28 kB; Slack rejects about 13,000 characters of blocks; Discord 6,000 per embed. */
const MAX_BYTES = { slack: 13_000, discord: 10_000, teams: 28_000, ntfy: 10_000 };
const validators = {
  slack: ajv.compile(slack),
  discord: ajv.compile(discord),
  teams: ajv.compile(teams),
  ntfy: ajv.compile(ntfy),
};

/** Returns what a service would object to in a payload. */
export function objections(service: keyof typeof validators, payload: unknown): string[] {
  const validate = validators[service];
  validate(payload);
  const found = (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  const bytes = Buffer.byteLength(JSON.stringify(payload));
  return bytes > MAX_BYTES[service] ? [...found, `${bytes} bytes`] : found;
}

/** Returns the characters that Discord counts: at most 6,000 in all embeds of a message. */
export function embedCharacters(payload: unknown): number {
  const { embeds } = payload as {
    embeds: { title: string; description: string; fields?: { name: string; value: string }[] }[];
  };
  const sum = (numbers: number[]) => numbers.reduce((total, each) => total + each, 0);
  return sum(
    embeds.map(
      ({ title, description, fields = [] }) =>
        title.length + description.length + sum(fields.map(({ name, value }) => name.length + value.length)),
    ),
  );
}
