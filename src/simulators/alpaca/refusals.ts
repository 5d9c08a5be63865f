import type { Order, Refusal } from './engine-types.ts';

const CODE_FORBIDDEN = 40310000;
const CODE_INVALID = 40010001;
const CODE_NOT_FOUND = 40410000;
const CODE_UNPROCESSABLE = 42210000;

/** Alpaca's refusals, with its codes. */
export const invalid = (message: string): Refusal => ({ httpStatus: 422, code: CODE_INVALID, message });
export const forbidden = (message: string): Refusal => ({ httpStatus: 403, code: CODE_FORBIDDEN, message });
export const impossible = (message: string): Refusal => ({ httpStatus: 422, code: CODE_UNPROCESSABLE, message });
export const finalState = (order: Order): Refusal => impossible(`order is already in "${order.status}" state`);
export const notFound = (orderId: string): Refusal => ({ httpStatus: 404, code: CODE_NOT_FOUND, message: `order not found for ${orderId}` });
export const noPosition = (): Refusal => ({ httpStatus: 404, code: CODE_NOT_FOUND, message: 'position does not exist' });
