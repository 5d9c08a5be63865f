import { defineParticipant, type ParticipantDefinition } from '#saga-core';
import { orderExecution } from '#sagas/order-execution';
import { signalToExecution } from '#sagas/signal-to-execution';
import { buyingPower } from './messaging/buying-power.entity.ts';
import { orders } from './messaging/orders.entity.ts';
import { positions } from './messaging/positions.entity.ts';
import { awaitAcknowledgment } from './saga/await-acknowledgment.step.ts';
import { cancelRest } from './saga/cancel-rest.step.ts';
import type { TradingEngineNeeds } from './saga/dependencies.ts';
import { orderLifecycle } from './saga/endings.ts';
import { monitorFills } from './saga/monitor-fills.step.ts';
import { submitOrder } from './saga/submit-order.step.ts';
import { trade } from './saga/trade.step.ts';
import { updatePosition } from './saga/update-position.step.ts';
import { validateOrder } from './saga/validate-order.step.ts';
import { watchForBust } from './saga/watch-for-bust.step.ts';
import { watchForStop } from './saga/watch-for-stop.step.ts';

/** Executes orders at brokers and keeps positions and buying power. Initiates `order_execution`. */
export const createTradingEngine = (needs: TradingEngineNeeds): ParticipantDefinition => {
  const saga = needs.orderExecution ?? orderExecution;
  return defineParticipant({
    name: 'trading-engine',
    initiates: [orderLifecycle(saga)],
    steps: [
      validateOrder(saga),
      submitOrder(saga, needs),
      watchForStop(saga),
      awaitAcknowledgment(saga),
      monitorFills(saga),
      cancelRest(saga, needs),
      updatePosition(saga),
      watchForBust(saga),
      trade(needs.signalToExecution ?? signalToExecution, needs.accounts),
    ],
    entities: [orders, positions, buyingPower],
    writesTo: { entities: ['connections', 'cycles', 'exposures'] },
    observer: {
      onQuarantined: ({ sagaType, sagaId, stepName, reason }) => needs.log.error('saga quarantined: a person must act', { sagaType, sagaId, stepName, reason }),
    },
  });
};
