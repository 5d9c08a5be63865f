import { defineParticipant, type ParticipantDefinition } from '#saga-core';

/** Publishes facts about the market; it owns no step and keeps no state, so its worker has nothing to run. */
export const createMarketData = (): ParticipantDefinition => defineParticipant({ name: 'market-data', writesTo: { facts: ['market.quotes'] } });
