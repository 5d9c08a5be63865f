export { type BrokerConnectionsNeeds, type ConnectionConfig, createBrokerConnections } from './broker-connections.participant.ts';
export type { CallLimits, NoAnswer, Venue, VenueFill, VenueGateway, VenueOrder, VenueOrderStatus, VenueStream, VenueUpdate } from './gateways.ts';
