import type { Agent } from 'node:http';
import { Socket } from 'node:net';
import { RedirectRefused } from '../../errors.ts';

/** Where an origin is dialled. */
export function addressOf({ protocol, hostname, port }: URL): { host: string; port: number } {
  const standard = protocol === 'https:' ? 443 : 80;
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? standard : Number(port) };
}

/** What both agents are told: connections are kept alive and shared by all jobs; requests beyond so many wait. */
export function agentOptions(connections: number) {
  return { keepAlive: true, maxSockets: connections, maxFreeSockets: connections };
}

/**
 * The agent, which now connects to this origin and nowhere else, whatever URL it was led to: anything but the configured
 * host and port gets a connection that has failed with RedirectRefused. The name is looked up as part of dialling, so
 * there is no second look-up that could tell another address. Environment proxies are not used.
 */
export function pinned<A extends Agent>(agent: A, origin: URL): A {
  const { host, port } = addressOf(origin);
  const dial = agent.createConnection.bind(agent);
  agent.createConnection = (asked, callback) => {
    const there = asked.host === host && Number(asked.port) === port && !asked.socketPath;
    return there
      ? dial(asked, callback)
      : new Socket().destroy(new RedirectRefused('a connection to another origin than the video server was asked for'));
  };
  return agent;
}
