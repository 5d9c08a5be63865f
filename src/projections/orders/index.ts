export { orders, ordersProjection } from './orders.projection.ts';
