import type { AddressGuard } from './address-guard.ts';
import { discordKind } from './discord.ts';
import { emailKind } from './email.ts';
import { createHttpSender } from './http-sender.ts';
import type { Kind, Kinds } from './kind.ts';
import { mqttKind } from './mqtt.ts';
import { ntfyKind } from './ntfy.ts';
import { slackKind } from './slack.ts';
import { teamsKind } from './teams.ts';
import { webhookKind } from './webhook.ts';

/** Returns the kinds of destinations. They connect through the guard only, and close their connections with `close`. */
export function openKinds(guard: AddressGuard): Kinds {
  const http = createHttpSender(guard);
  return {
    // The HTTP kinds share their connections.
    webhook: { ...untyped(webhookKind(http)), close: async () => http.close() },
    email: untyped(emailKind(guard)),
    ntfy: untyped(ntfyKind(http)),
    slack: untyped(slackKind(http)),
    teams: untyped(teamsKind(http)),
    discord: untyped(discordKind(http)),
    mqtt: untyped(mqttKind(guard)),
  };
}

/** The engine passes each kind the configuration that `kindSchemas` of this kind has parsed. */
function untyped<Config extends object>(kind: Kind<Config>): Kind<object> {
  return { ...kind, send: (config, message, context) => kind.send(config as Config, message, context) };
}
