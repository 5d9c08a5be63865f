export { type ChatGatewayOptions, createGroqGateway, createOpenaiGateway } from './gateway.ts';
