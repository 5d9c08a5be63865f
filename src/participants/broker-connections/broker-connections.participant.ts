import { defineParticipant, type Held, type ParticipantDefinition } from '#saga-core';
import type { ConnectionState } from '#contracts';
import type { Venue } from './gateways.ts';
import { connections } from './messaging/connections.entity.ts';
import { type HolderNeeds, holdConnection } from './messaging/connection-holder.ts';

/** A connection as configuration names it. */
export type ConnectionConfig = { readonly brokerConnectionId: string; readonly watchedSymbols: readonly string[] };

export type BrokerConnectionsNeeds = HolderNeeds & {
  readonly connections: readonly ConnectionConfig[];
  /** The authenticated connection of this process; null where it has none. A holder has its stream for itself. */
  readonly venueOf: (brokerConnectionId: string) => Venue | null;
};

const NOTHING_HELD: Held<ConnectionState> = { update: () => undefined, close: async () => undefined };

/** Holds the vendor connections: records what venues report and passes it to the sagas concerned. */
export const createBrokerConnections = (needs: BrokerConnectionsNeeds): ParticipantDefinition => {
  const configOf = (id: string): ConnectionConfig | undefined => needs.connections.find((connection) => connection.brokerConnectionId === id);
  const settings = { venueNameOf: (id: string) => needs.venueOf(id)?.name ?? 'unknown', symbolsOf: (id: string) => configOf(id)?.watchedSymbols ?? [] };
  return defineParticipant({
    name: 'broker-connections',
    writesTo: { entities: ['buying-power', 'exposures', 'cycles'], contexts: ['trading'] },
    entities: [
      connections(settings, {
        keys: needs.connections.map((connection) => connection.brokerConnectionId),
        hold: (key, hands) => {
          const venue = needs.venueOf(key);
          return venue === null ? NOTHING_HELD : holdConnection({ key, venue, hands, needs });
        },
      }),
    ],
  });
};
